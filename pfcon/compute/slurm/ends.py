"""Records the ends of jobs in their directories, whichever batch system ran them."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.reasons import Seen, exit_code_of, has_run
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails
from pfcon.reasons import Reason, Why, explain

_NOT_SUBMITTED = "the service was stopped before it submitted the job; run it again"


def keep_end(
    folder: JobFolder,
    spec: JobSpec,
    status: JobStatus,
    why: Why,
    at: datetime | None = None,
    *,
    run: RunDetails = RunDetails(),
) -> JobInfo:
    """Record the end of a job and return it; an end that was recorded before stays. at: now, if it is not known.

    Raises OSError.
    """
    at = at or datetime.fromtimestamp(time.time(), UTC)
    folder.keep_end(status, why, at, run)
    ended = JobInfo(spec.name, status, "", spec.image, spec.argv, at, spec.request)
    return replace(folder.end(spec) or ended.because(why), detail=why.detail)


def unsubmitted(folder: JobFolder, spec: JobSpec, patience: float) -> JobInfo:
    """Return the state of a job that is being submitted, or whose submission was interrupted or not answered.

    patience: seconds after which it is not being submitted any more.
    """
    if (cancelled := folder.cancellation()) and folder.prevent_start():
        return keep_end(folder, spec, JobStatus.FAILED, cancelled)
    if folder.age() > patience and folder.prevent_start():
        why = explain(Reason.INTERRUPTED, cause=_NOT_SUBMITTED, interrupted=True)
        return keep_end(folder, spec, JobStatus.FAILED, why)
    return JobInfo(spec.name, JobStatus.NOT_STARTED, "being submitted", spec.image, spec.argv, request=spec.request)


def run_of(folder: JobFolder, spec: JobSpec, seen: Seen) -> RunDetails:
    """Return the details of a job that has failed; if its command was not started, at most ``placed_at``."""
    run = folder.run()
    if not has_run(spec, seen):
        return RunDetails(placed_at=run.placed_at)
    return replace(run, exit_code=exit_code_of(seen) if run.started_at else None)
