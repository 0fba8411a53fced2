"""The state of a job with several workers, from the states of its workers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pfcon.compute.details import of_workers
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import SUCCESS, Why


@dataclass(frozen=True)
class WorkerState:
    """The state of one worker. why: why it failed, or what it waits for; of one that succeeded, a note for users."""

    status: JobStatus
    why: Why = SUCCESS

    @classmethod
    def of(cls, info: JobInfo) -> "WorkerState":
        """Return the state of a worker that an engine describes like a job."""
        return cls(info.status, Why(info.message, info.interrupted, info.reason, info.detail))


def first_failed(workers: Sequence[WorkerState], reason: Why = SUCCESS) -> tuple[int, Why] | None:
    """Return the index of the first failed worker, or of the one whose failure is ``reason``, and why it failed."""
    for index, worker in enumerate(workers):
        why = worker.why.of_worker(index + 1, len(workers)) if worker.status is JobStatus.FAILED else SUCCESS
        if why and reason.message in ("", why.message):
            return index, why
    return None


def failure(workers: Sequence[WorkerState], reason: Why = SUCCESS) -> Why:
    """Return why the worker of ``first_failed`` has failed; empty if none has."""
    found = first_failed(workers, reason)
    return found[1] if found else SUCCESS


def going(workers: Sequence[WorkerState], reason: Why) -> tuple[JobStatus, Why]:
    """Return status and message of a job that has not ended. reason: why pfcon ends it; empty if it does not."""
    unknown = next((worker for worker in workers if worker.status is JobStatus.UNDEFINED), None)
    if unknown:
        return JobStatus.UNDEFINED, unknown.why
    begun = any(worker.status is not JobStatus.NOT_STARTED for worker in workers)
    status = JobStatus.STARTED if begun else JobStatus.NOT_STARTED
    if reason:
        return status, replace(reason, message=f"being stopped: {reason.message}")
    waits = (
        worker.why.of_worker(number, len(workers))
        for number, worker in enumerate(workers, 1)
        if not worker.status.ended
    )
    return status, replace(failure(workers), interrupted=False) or next(filter(None, waits), SUCCESS)


def why_ended(workers: Sequence[WorkerState], reason: Why) -> Why:
    """Return why a job has failed whose workers have ended; empty after success. reason: why pfcon has ended it.

    The reason may be the failure of a worker, because of which pfcon has ended the others.
    """
    why = failure(workers, reason)
    return replace(reason, interrupted=why.interrupted) if reason else why


def job_of(workers: Sequence[JobInfo], reason: Why) -> JobInfo:
    """Return the state of a job from those of its workers, each described like a job. reason: why pfcon ended it."""
    states = [WorkerState.of(worker) for worker in workers]
    if all(state.status.ended for state in states):
        why = why_ended(states, reason)
        status = JobStatus.FAILED if why else JobStatus.SUCCEEDED
        why = why or next((state.why for state in states if state.why), SUCCESS)
    else:
        status, why = going(states, reason)
    times = [worker.finished_at for worker in workers if worker.finished_at]
    code = 0 if status is JobStatus.SUCCEEDED else None
    if status is JobStatus.FAILED and (found := first_failed(states, reason)):
        code = workers[found[0]].details.exit_code
    job = replace(
        workers[0],
        status=status,
        finished_at=max(times, default=None) if status.ended else None,
        details=of_workers([worker.details for worker in workers], code),
    )
    return job.because(why)
