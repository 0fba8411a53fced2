"""The compute contract: the status of a job never moves backwards."""

from pfcon.models import JobStatus
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import checks

ORDER = [JobStatus.NOT_STARTED, JobStatus.STARTED, JobStatus.SUCCEEDED]


def test_a_job_that_has_started_is_never_reported_as_waiting_again(compute: Harness) -> None:
    spec = compute.shell("sleep 1")
    statuses = [compute.engine.schedule(spec).status]
    for _ in checks():
        statuses.append(compute.engine.info(spec.name).status)
        if statuses[-1].final:
            break
    assert statuses == sorted(statuses, key=ORDER.index)
    assert statuses[-1] is JobStatus.SUCCEEDED


__all__ = [name for name in [*globals()] if name.startswith("test_")]
