"""The state of a job with several workers, from the inspect answers of their containers. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pfcon.compute.docker import state
from pfcon.compute.docker_api.phase import Phase
from pfcon.compute.worker_states import WorkerState, failure, job_of
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import SUCCESS, Reason, Why, explain

Unstarted = Callable[[dict[str, Any]], Why]
"""Returns why the command of an ended container could not be run; empty if it was."""

_MISSING = explain(Reason.REMOVED_OUTSIDE, interrupted=True)


@dataclass(frozen=True)
class Containers:
    """The containers of a job, in the order of its workers. others: None for one that does not exist."""

    name: str
    first: dict[str, Any]
    others: Sequence[dict[str, Any] | None]

    @property
    def running(self) -> list[dict[str, Any]]:
        """The containers that run."""
        found = [self.first, *(other for other in self.others if other)]
        return [container for container in found if state.phase_of(container) is Phase.RUNNING]

    @property
    def all_run(self) -> bool:
        """Whether all of them run."""
        return len(self.running) == 1 + len(self.others)

    def look(self, now: datetime, note: Why, unstarted: Unstarted) -> tuple[JobInfo, Why]:
        """Return the state of the job, and the failure of a worker for which the others, which run, have to be ended.

        now: aware. note: why pfcon has ended the job; empty if it has not.
        """
        first = self._worker(self.first, now, note, unstarted)
        others = [self._worker(other, now, note, unstarted) if other else self._missing(first) for other in self.others]
        workers = [first, *others]
        why = failure([WorkerState.of(worker) for worker in workers], note) if self.running else SUCCESS
        return job_of(workers, note), why

    def _worker(self, found: dict[str, Any], now: datetime, note: Why, unstarted: Unstarted) -> JobInfo:
        """Return the state of one worker: that of an ended one does not depend on the note about the job."""
        own = note if state.phase_of(found) is Phase.WAITING else SUCCESS
        return state.job_info(self.name, found, now, own, unstarted(found))

    def _missing(self, first: JobInfo) -> JobInfo:
        """Return the state of a container that does not exist: as long as the first is not started, it may come."""
        if first.status is JobStatus.NOT_STARTED:
            return JobInfo(self.name, JobStatus.NOT_STARTED)
        return JobInfo(self.name, JobStatus.FAILED).because(_MISSING)
