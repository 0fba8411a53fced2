"""The compute contract: what a job must not be able to do or access."""

from pfcon.models import JobStatus
from pfcon.testing.compute.harness import Harness


def test_a_job_has_no_capabilities(compute: Harness) -> None:
    compute.can.need("no_capabilities")
    spec = compute.shell("grep -E '^Cap(Eff|Prm|Bnd|Amb)' /proc/self/status")
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    fields = compute.engine.logs(spec.name, 10).split()
    assert len(fields) == 8
    assert set(fields[1::2]) == {"0" * 16}, fields


def test_a_job_sees_nothing_of_storebase_but_its_own_directories(compute: Harness) -> None:
    compute.can.need("own_root")
    foreign = compute.storebase.root / "foreign.txt"
    foreign.write_text("another patient's\n")
    spec = compute.shell('ls /share; cat "$2" 2>/dev/null && echo reached; ls -a "$1"/.. "$1"/../..', str(foreign))
    compute.run(spec)
    log = compute.engine.logs(spec.name, 100)
    assert log.splitlines()[:2] == ["incoming", "outgoing"]
    assert "reached" not in log
    assert "foreign.txt" not in log
    assert "key-" not in log


__all__ = [name for name in [*globals()] if name.startswith("test_")]
