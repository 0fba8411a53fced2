"""One worker of a job: why it has failed, and what it waits for, by its task. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pfcon.compute import runtimes
from pfcon.compute.details import own_exit_code
from pfcon.compute.docker_api import init
from pfcon.compute.docker_api.phase import Phase, time_of
from pfcon.compute.exits import by_engine, by_exit_code
from pfcon.compute.swarm.scheduler_words import lack
from pfcon.compute.swarm.tasks import (
    WANTED,
    WITH_NODE_ONLY,
    WITHOUT_NODE,
    container_of,
    describe,
    exit_code_of,
    has_ended,
    image_and_command,
    memory_limit,
    phase_of,
    state_of,
)
from pfcon.compute.words import plain
from pfcon.compute.worker_states import WorkerState
from pfcon.models import JobStatus
from pfcon.reasons import SUCCESS, Reason, Why, explain

_NO_IMAGE = "No such image"
_NO_IMAGE_HERE = "its machine does not have it, and its registry has not delivered it"
_NODE_CHANGED = "no longer meets constraints"  # from Swarm's manager, for a task that may have run
_CHANGED = "the machine was changed in the Swarm"
_EXITED = "task: non-zero exit"
_STATUSES = {Phase.WAITING: JobStatus.NOT_STARTED, Phase.UNKNOWN: JobStatus.UNDEFINED}
_CONTAINER_MISSING = "No such container"  # it was removed by another program


def lacks_image(task: dict[str, Any]) -> bool:
    """Return whether the node of a task could not fetch its image; the task does not say why."""
    return state_of(task) == "rejected" and _NO_IMAGE in str(task["Status"].get("Err") or "")


@dataclass(frozen=True)
class Worker:
    """One task of a job."""

    task: dict[str, Any]
    oom_killed: bool
    unstarted: Why

    @property
    def phase(self) -> Phase:
        return phase_of(self.task)

    @property
    def ended(self) -> bool:
        return has_ended(self.task)

    @property
    def time(self) -> datetime | None:
        return time_of(self.task["Status"].get("Timestamp"))

    @property
    def lacks_node(self) -> bool:
        """Whether it waits for a node."""
        return state_of(self.task) in WITHOUT_NODE

    @property
    def fetches(self) -> bool:
        """Whether it has a node, which may be fetching the image; it has no container yet."""
        return state_of(self.task) in WITH_NODE_ONLY

    @property
    def has_begun(self) -> bool:
        """Whether its container exists: the command runs, or has run."""
        return self.phase in (Phase.RUNNING, Phase.ENDED) and bool(container_of(self.task))

    @property
    def exit_code(self) -> int | None:
        """The exit code of the command; None if Swarm does not know it, or the command has not run."""
        error = str(self.task["Status"].get("Err") or "")
        known = state_of(self.task) == "failed" and error.startswith(_EXITED) and not self.unstarted
        return own_exit_code(exit_code_of(self.task)) if known else None

    @property
    def state(self) -> WorkerState:
        """Its status, and why it failed or what it waits for."""
        if self.ended:
            why = self.why()
            return WorkerState(JobStatus.FAILED if why else JobStatus.SUCCEEDED, why)
        return WorkerState(_STATUSES.get(self.phase, JobStatus.STARTED), self.progress())

    def progress(self) -> Why:
        """Return what a worker that has not ended does, or waits for."""
        error = plain(str(self.task["Status"].get("Err") or ""))
        if self.phase is Phase.RUNNING and self.task["DesiredState"] not in WANTED:
            return Why("Swarm stops it: the machine was drained or failed, or somebody changed the job in Swarm")
        if error and state_of(self.task) in WITHOUT_NODE:
            return explain(Reason.UNSCHEDULABLE, cause=lack(error), detail=error)
        return Why(": ".join(filter(None, (describe(self.task), error))))

    def why(self) -> Why:
        """Return why an ended worker has failed; empty after success.

        A worker that was ended by Swarm's manager, or by a node that is down or shuts down, counts as interrupted.
        """
        state, error = state_of(self.task), str(self.task["Status"].get("Err") or "")
        image, command = image_and_command(self.task)
        if state == "rejected" and _NO_IMAGE in error:
            return self.unstarted or explain(
                Reason.IMAGE_FAILED, image=image, cause=_NO_IMAGE_HERE, detail=plain(error)
            )
        if state == "rejected" and _NODE_CHANGED in error:
            return explain(Reason.EVICTED, cause=_CHANGED, interrupted=True, detail=error)
        if state == "failed" and error.startswith(_EXITED):
            return self.unstarted or self._by_code()
        if state == "complete":
            return SUCCESS
        if lacking := init.lacking(error, podman=False):
            return explain(Reason.ENGINE_SETUP, cause=lacking)
        return runtimes.start_failure(error, image, command) or self._by_swarm(state, plain(error))

    def _by_swarm(self, state: str, error: str) -> Why:
        """Return why Swarm has ended a worker, or could not start it."""
        if _CONTAINER_MISSING in error:
            return explain(Reason.REMOVED_OUTSIDE, interrupted=True, detail=error)
        if state == "orphaned":
            return explain(Reason.NODE_LOST, interrupted=True, detail=error)
        if state in ("failed", "rejected"):
            return by_engine(error) if self.has_begun else explain(Reason.ENGINE_FAULT, cause=error, detail=error)
        return explain(Reason.EVICTED, cause=describe(self.task), interrupted=True, detail=error)

    def _by_code(self) -> Why:
        code = exit_code_of(self.task)
        return by_exit_code(code, memory_limit(self.task), oom_killed=self.oom_killed)
