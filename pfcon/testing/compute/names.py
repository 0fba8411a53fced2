"""The compute contract: names of jobs, and jobs of others with the same name."""

import uuid
from collections.abc import Callable

import pytest

from pfcon.compute.signing import Signer
from pfcon.errors import Absent, Conflict, Foreign
from pfcon.models import JobId, JobKind, JobSpec, JobStatus
from pfcon.testing.compute.harness import HEARTBEAT, Harness, still_changes
from pfcon.testing.waiting import eventually


def start(compute: Harness, script: str = HEARTBEAT, **overrides: object) -> JobSpec:
    """Start a job, and wait until it writes to ``beat`` among its outputs."""
    spec = compute.shell(script, **overrides)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "beat").exists)
    return spec


def goes_on(compute: Harness, spec: JobSpec) -> bool:
    return eventually(lambda: still_changes(compute.outgoing(spec) / "beat"))


def test_what_is_not_the_callers_is_absent_and_goes_on(compute: Harness) -> None:
    spec = start(compute, request="digest.claim", service="0123456789ab")
    seen: list[str] = []

    def not_mine(request: str) -> bool:
        seen.append(request)
        return False

    compute.engine.remove(spec.name, not_mine)
    asks: list[Callable[[], object]] = [
        lambda: compute.engine.cancel(spec.name, not_mine),
        lambda: compute.engine.info(spec.name, not_mine),
        lambda: compute.engine.logs(spec.name, 10, not_mine),
    ]
    for ask in asks:
        with pytest.raises(Foreign) as foreign:
            ask()
        assert (foreign.value.service, foreign.value.ended) == ("0123456789ab", False)
    assert set(seen) == {"digest.claim"}
    assert not compute.engine.info(spec.name).status.final
    assert goes_on(compute, spec)
    compute.engine.remove(spec.name, "digest.claim".__eq__)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_jobs_of_jids_that_end_like_a_kind_are_kept_apart(compute: Harness) -> None:
    jid = JobId(f"pfcon-test-{uuid.uuid4().hex[:12]}")
    plugin, copy = JobKind.PLUGIN, JobKind.COPY
    of_another = start(compute, name=plugin.engine_name(JobId(f"{jid}-copy")), request="a.plugin")
    own = start(compute, name=copy.engine_name(jid), kind=copy, request="a.copy")
    assert of_another.name != own.name
    compute.engine.cancel(own.name)
    assert compute.wait(own.name).status is JobStatus.FAILED
    compute.engine.remove(own.name)
    assert compute.engine.info(of_another.name).request == "a.plugin"
    assert not compute.engine.info(of_another.name).status.final
    assert goes_on(compute, of_another)


def test_what_others_have_made_under_the_name_is_never_touched(compute: Harness) -> None:
    spec = compute.spec(["true"], name=f"pfcon-test-{uuid.uuid4().hex[:12]}")
    with compute.make_foreign(spec.name, forged=False) as is_untouched:
        for ask in (compute.engine.info, compute.engine.cancel):
            with pytest.raises(Absent) as absent:
                ask(spec.name)
            assert not isinstance(absent.value, Foreign)  # it was created without pfcon
        compute.engine.remove(spec.name)
        if not compute.can.lacks("unique_names"):
            with pytest.raises(Conflict):
                compute.engine.schedule(spec)
        assert is_untouched()


def test_a_forged_label_makes_no_job_of_ours(compute: Harness) -> None:
    spec = compute.spec(["true"], name=f"pfcon-test-{uuid.uuid4().hex[:12]}")
    signer = Signer(compute.storebase)

    def mine(request: str) -> bool:
        return signer.has_signed(spec.name, request)

    with compute.make_foreign(spec.name, forged=True) as is_untouched:
        for ask in (compute.engine.cancel, compute.engine.info):
            with pytest.raises(Absent):
                ask(spec.name, mine)
        with pytest.raises(Absent):
            compute.engine.logs(spec.name, 10, mine)
        compute.engine.remove(spec.name, mine)
        if not compute.can.lacks("unique_names"):
            assert not mine(compute.engine.info(spec.name).request)
            with pytest.raises(Conflict):
                compute.engine.schedule(spec)
        assert is_untouched()


__all__ = [name for name in [*globals()] if name.startswith("test_")]
