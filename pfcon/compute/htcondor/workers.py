"""Why a job with several workers fails: for the reason of the worker that failed first."""

from collections.abc import Sequence

from pfcon.compute.htcondor.folder import first_failed, keep_first_failed
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.worker_states import WorkerState
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import SUCCESS, Reason, Why


def reason_of_job(folder: JobFolder, workers: Sequence[JobInfo]) -> Why:
    """Return why a job fails; empty if no worker has failed yet. The worker is recorded. Raises OSError.

    Reasons that are the job's own, a cancellation or the time limit, name no worker.
    """
    first = first_failed(folder)
    if first is None:
        failed = [number for number, worker in enumerate(workers) if worker.status is JobStatus.FAILED]
        if not failed:
            return SUCCESS
        first = keep_first_failed(folder, min(failed, key=lambda number: _ended_at(workers[number])))
    if first >= len(workers) or workers[first].status is not JobStatus.FAILED:
        return SUCCESS  # its script has recorded that, HTCondor does not know it yet
    why = WorkerState.of(workers[first]).why
    if why.reason == Reason.TIME_LIMIT or why.message == folder.cancellation().message:
        return why
    return why.of_worker(first + 1, len(workers))


def _ended_at(worker: JobInfo) -> float:
    return worker.finished_at.timestamp() if worker.finished_at else float("inf")
