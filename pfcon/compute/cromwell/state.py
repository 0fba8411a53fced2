"""Translates Cromwell's answers to a JobInfo. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pfcon.compute.cromwell.spec import (
    NO_COMMAND,
    NO_GPU,
    NOT_EXECUTABLE,
    NOT_MOUNTED,
    OTHER_SHM,
    OTHER_USER,
    REFUSAL,
    REFUSALS,
)
from pfcon.compute.details import own_exit_code
from pfcon.compute.exits import at_time_limit, by_engine, by_exit_code, was_killed
from pfcon.compute.unreadable import note, reading, utc
from pfcon.compute.words import plain
from pfcon.models import JobSpec, JobStatus, RunDetails
from pfcon.reasons import SUCCESS, Reason, Why, explain
from pfcon.units import mib_to_bytes

# REST API reference, "Workflow Status"; ``WorkflowState`` in Cromwell's source.
_STATUSES = {
    "On Hold": (JobStatus.NOT_STARTED, "held in Cromwell"),
    "Submitted": (JobStatus.NOT_STARTED, "waiting in Cromwell"),
    "Running": (JobStatus.STARTED, ""),
    "Aborting": (JobStatus.STARTED, "being cancelled"),
    "Succeeded": (JobStatus.SUCCEEDED, ""),
    "Failed": (JobStatus.FAILED, ""),
    "Aborted": (JobStatus.FAILED, ""),
}
METADATA_KEYS = ("status", "start", "end", "failures", "returnCode")
"""The fields that ``end_of`` reads; Cromwell returns them for the workflow and for its calls."""

_SETUP = {  # what the backend lacks: docs/engines/cromwell.md
    NOT_MOUNTED: "Cromwell does not mount the job's directories (pfcon_mounts)",
    OTHER_USER: "CONTAINER_USER: Cromwell's backend does not give the job that user and group (pfcon_user); copy, "
    "upload and delete jobs need those of the service",
    OTHER_SHM: "SHM_SIZE: Cromwell's backend does not give /dev/shm that size (pfcon_shm)",
    NO_GPU: "gpu_limit: Cromwell's backend gives the job no GPU (gpuCount)",
}
_MAX_CAUSES = 10
# The exit code that Cromwell itself writes for a task that has ended without one (``exit-code-timeout-seconds``;
# DispatchedConfigAsyncJobExecutionActor in its source). A task's own 79 can't be distinguished from it, and counts.
_NO_EXIT_CODE = 79
# Its messages about a task that its backend has ended, in releases up to 51 and since (its CHANGELOG.md, 52).
_ENDED_BY_BACKEND = re.compile(r"aborted from outside Cromwell|compute backend terminated the job")


def status_of(text: str) -> tuple[JobStatus, str]:
    """Return pfcon's status for Cromwell's, and a message; log a warning for a status that is not documented."""
    if text not in _STATUSES:
        note(f"Cromwell reports the unknown status {text!r}")
    return _STATUSES.get(text, (JobStatus.UNDEFINED, f"Cromwell reports the unknown status {plain(text)}"))


def has_ended(text: str) -> bool:
    """Return whether a status of Cromwell is final."""
    return status_of(text)[0].ended


@dataclass(frozen=True)
class End:
    """The end of a workflow. code: the exit code, None if Cromwell does not know it."""

    status: str
    code: int | None
    failures: tuple[str, ...]
    started_at: datetime | None
    finished_at: datetime | None


def end_of(metadata: dict[str, Any]) -> End:
    """Read the metadata of a workflow that has ended. Only the last attempt of its call counts."""
    call = _last_call(metadata)
    code = call.get("returnCode")
    return End(
        status=str(metadata.get("status")),
        code=int(code) if code is not None else None,
        failures=tuple(dict.fromkeys(_causes(metadata.get("failures") or []))),
        started_at=_time(call.get("start")),
        finished_at=_time(metadata.get("end")) or _time(call.get("end")),
    )


def log_paths(metadata: dict[str, Any]) -> tuple[str, str]:
    """Return Cromwell's paths of the stdout and stderr of a workflow's task.

    Empty texts before the task has started, or if the metadata can't be read.
    """

    def read() -> tuple[str, str]:
        call = _last_call(metadata)
        return str(call.get("stdout") or ""), str(call.get("stderr") or "")

    return reading("the metadata of a workflow", read, lambda _: ("", ""))


def _last_call(metadata: dict[str, Any]) -> dict[str, Any]:
    calls: list[dict[str, Any]] = [call for tries in (metadata.get("calls") or {}).values() for call in tries]
    return max(calls, key=lambda call: int(call.get("attempt") or 0), default={})


def _causes(failures: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the innermost messages of nested failures: the outer ones only report that something has failed."""
    waiting = list(reversed(failures))
    count = 0
    while waiting and count < _MAX_CAUSES:
        failure = waiting.pop()
        if causes := failure.get("causedBy"):
            waiting += reversed(causes)
        elif message := failure.get("message"):
            count += 1
            yield plain(str(message))


def refusal_of(stderr: str) -> str:
    """Return why the job's script ended before it ran the command, from its stderr; ``""`` if it ran the command."""
    said = [line.removeprefix(REFUSAL) for line in stderr.splitlines() if line.startswith(REFUSAL)]
    return next((reason for reason in reversed(said) if reason in REFUSALS), "")


def says_time_limit(stderr: str) -> bool:
    """Return whether Slurm reports that a job has reached its time limit. stderr: the task's, without the job's own."""
    return "DUE TO TIME LIMIT" in stderr


def why_of(end: End, spec: JobSpec, minutes: int, *, cancelled: Why, refusal: str = "", timed_out: bool = False) -> Why:
    """Return why a job has failed; empty after success.

    cancelled: why pfcon has stopped it; empty if it has not. refusal: the result of
    ``refusal_of``. timed_out: that of ``says_time_limit``.
    """
    status, _ = status_of(end.status)
    if status is not JobStatus.FAILED:
        return SUCCESS
    if cancelled:
        return cancelled
    if end.status == "Aborted":
        return explain(Reason.STOPPED_OUTSIDE, engine="Cromwell")
    if refusal:
        return _refusal(refusal, spec)
    lost, late = was_lost(end), _exceeds(end, minutes)
    if timed_out:
        return at_time_limit(minutes)
    limit = mib_to_bytes(spec.resources.memory or 0)
    if end.code == _NO_EXIT_CODE:
        why = explain(Reason.END_UNKNOWN, cause="Cromwell's backend lost it")
    else:
        why = by_exit_code(end.code or 0, limit, may_be_lost=False) or _by_cromwell(end)
    hint = f"; it may have been {at_time_limit(minutes).message}" if late else ""
    return replace(why, message=why.message + hint, interrupted=lost and not late)


def _by_cromwell(end: End) -> Why:
    """Return why a task has failed that has no exit code, or 0."""
    return by_engine("; ".join(end.failures))


def details_of(end: End, refusal: str) -> RunDetails:
    """Return the details of a run: the exit code of its command, if that was run.

    Not ``started_at``: Cromwell's ``start`` is when it submitted the task, which a scheduler may start hours later.
    """
    if end.code is None or refusal or end.code == _NO_EXIT_CODE:
        return RunDetails()
    return RunDetails(exit_code=own_exit_code(end.code))


def was_lost(end: End) -> bool:
    """Return whether a job was killed, or lost by its backend."""
    if end.code is not None and (end.code == _NO_EXIT_CODE or was_killed(end.code)):
        return True
    return any(_ENDED_BY_BACKEND.search(failure) for failure in end.failures)


def _refusal(refusal: str, spec: JobSpec) -> Why:
    if refusal in _SETUP:
        return explain(Reason.ENGINE_SETUP, cause=_SETUP[refusal])
    reason = {NO_COMMAND: Reason.COMMAND_NOT_FOUND, NOT_EXECUTABLE: Reason.NOT_EXECUTABLE}[refusal]
    return explain(reason, image=spec.image, command=next(iter(spec.argv), ""))


def _exceeds(end: End, minutes: int) -> bool:
    """Return whether a job existed for longer than its time limit; it may have waited in its scheduler."""
    if not (minutes and end.started_at and end.finished_at):
        return False
    return end.finished_at - end.started_at >= timedelta(minutes=minutes)


def _time(text: str | None) -> datetime | None:
    """Parse a time of Cromwell; return it in UTC."""
    return utc(text)
