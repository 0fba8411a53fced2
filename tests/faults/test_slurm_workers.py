"""What Slurm tells the workers of a job, on a real cluster."""

import re
from pathlib import Path

import pytest
from support.slurm import slurm_harness

from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase

TOLD = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_JOB_NODELIST", "SLURM_JOB_ID")


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("launcher", ["crun", "charliecloud"])
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_have_what_srun_tells_a_task_and_nothing_else_of_the_node(
    storebase: StoreBase, launcher: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIED", "of the service")
    slurm = slurm_harness(storebase.root, launcher=launcher)
    script = 'env | sort >"$1/env-$PFCON_WORKER"; hostname >"$1/host-$PFCON_WORKER"'
    spec = slurm.shell(script, env=(("SLURM_NODEID", "own"),), resources=Resources(workers=workers))
    info = slurm.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    found = [variables(slurm.outgoing(spec) / f"env-{number}") for number in range(workers)]
    assert [env["SLURM_PROCID"] for env in found] == [str(number) for number in range(workers)]
    for env in found:
        assert set(TOLD) <= set(env)
        assert env["SLURM_NTASKS"] == env["PFCON_WORKERS"] == str(workers)
        assert env["SLURM_NODEID"] == "own"
        assert "TRIED" not in env
    hosts = {(slurm.outgoing(spec) / f"host-{number}").read_text() for number in range(workers)}
    assert len(hosts) == workers
    slurm.close()


def variables(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))
