"""From a Docker API's inspect answer to a JobInfo. Pure."""

import logging
import signal
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from pfcon.compute.docker.args import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.compute.docker.faults import plain, start_failure
from pfcon.models import JobInfo, JobStatus
from pfcon.units import MIB

_log = logging.getLogger(__name__)

START_PATIENCE = timedelta(seconds=90)
"""A container that was created so long ago and has not started never will: ``schedule`` has given up by then."""


class Phase(Enum):
    """How far a container is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    GOING = "going"  # an ended one that is being removed
    UNKNOWN = "unknown"


# State.Status of Docker (Engine API reference, ContainerInspect) and of Podman (podman-ps manual, "status").
_PHASES = {
    "created": Phase.WAITING,
    "configured": Phase.WAITING,
    "initialized": Phase.WAITING,
    "running": Phase.RUNNING,
    "paused": Phase.RUNNING,
    "restarting": Phase.RUNNING,
    "stopping": Phase.RUNNING,
    "exited": Phase.ENDED,
    "stopped": Phase.ENDED,
    "removing": Phase.GOING,
    "dead": Phase.GOING,
}


def phase_of(inspect: dict[str, Any]) -> Phase:
    """How far the container of an inspect answer is; logs a warning for a state nobody told us of."""
    status = str(inspect["State"].get("Status"))
    phase = _PHASES.get(status, Phase.UNKNOWN)
    if phase is Phase.UNKNOWN:
        _log.warning("container %s is in the unknown state %r", inspect.get("Name"), status)
    return phase


def is_job(inspect: dict[str, Any], name: str) -> bool:
    """Whether an inspect answer is of a job with that container name.

    Engines also answer for a name that is the beginning of some container's Id, and for containers of others.
    """
    labels = inspect["Config"].get("Labels") or {}
    own_name: str = inspect["Name"]
    return own_name.removeprefix("/") == name and (REQUEST_LABEL in labels or JOB_TYPE_LABEL in labels)


def request_of(inspect: dict[str, Any]) -> str:
    """JobSpec.request of the job; empty for one of another pfcon version."""
    return str((inspect["Config"].get("Labels") or {}).get(REQUEST_LABEL, ""))


def may_have_note(inspect: dict[str, Any]) -> bool:
    """Whether a note in the container (see ``notes``) may tell more than the inspect answer does."""
    phase = phase_of(inspect)
    return phase is Phase.ENDED or (phase is Phase.WAITING and not inspect["State"].get("Error"))


def job_info(name: str, inspect: dict[str, Any], now: datetime, note: str | None = None) -> JobInfo:
    """What an inspect answer says of a job. ``note``: why pfcon ended it, where it did. ``now``: aware."""
    state = inspect["State"]
    phase = phase_of(inspect)
    status, message, finished = JobStatus.STARTED, "", None
    if phase is Phase.WAITING:
        status, message = _waiting(inspect, now, note)
        finished = _time(inspect.get("Created")) if status.final else None
    elif phase is Phase.ENDED or (phase is Phase.GOING and _time(state.get("FinishedAt"))):
        finished = _time(state.get("FinishedAt"))
        message = note or _end_message(inspect)
        status = JobStatus.FAILED if message else JobStatus.SUCCEEDED
    elif phase is not Phase.RUNNING:
        status, message = JobStatus.UNDEFINED, f"the container is {state.get('Status')}"
    elif state["Status"] != "running":
        message = state["Status"]
    return JobInfo(
        name=name,
        status=status,
        message=message,
        image=inspect["Config"].get("Image") or "",
        argv=_argv(inspect),
        finished_at=finished,
        request=request_of(inspect),
    )


def _waiting(inspect: dict[str, Any], now: datetime, note: str | None) -> tuple[JobStatus, str]:
    error = inspect["State"].get("Error")
    if note or error:
        return JobStatus.FAILED, note or _start_message(inspect, error)
    created = _time(inspect.get("Created"))
    if created and now - created > START_PATIENCE:
        return JobStatus.FAILED, "the container was created, but never started"
    return JobStatus.NOT_STARTED, ""


def _start_message(inspect: dict[str, Any], error: str) -> str:
    command = next(iter(_argv(inspect)), "")
    known = start_failure(error, inspect["Config"].get("Image") or "", command)
    return known or f"the container could not be started: {plain(error)}"


def _end_message(inspect: dict[str, Any]) -> str:
    """Why a job failed; empty for one that succeeded."""
    state = inspect["State"]
    code: int = state.get("ExitCode") or 0
    limit = (inspect.get("HostConfig") or {}).get("Memory") or 0
    name = signal_name(code)
    if code == 0:
        message = ""
    elif state.get("OOMKilled"):
        message = "out of memory: "
        message += f"the job exceeded its limit of {limit // MIB} MiB" if limit else "the machine has no more"
    elif state.get("Error"):
        message = _start_message(inspect, state["Error"])
    elif name == "SIGKILL" and limit:
        # Podman 4.3 never sets OOMKilled on cgroups v1, and Docker not for every way to run out of memory.
        message = f"killed by signal SIGKILL, probably out of memory: the job's limit is {limit // MIB} MiB"
    elif name:
        message = f"killed by signal {name}"
    else:
        message = f"exit code {code}"
    return message


def signal_name(code: int) -> str:
    """The name of the signal in an exit code as shells write it (128 + number), or empty."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return ""


def _argv(inspect: dict[str, Any]) -> tuple[str, ...]:
    # Not Path and Args: Podman repeats a command without arguments in Args.
    config = inspect["Config"]
    words: list[str] = []
    for part in (config.get("Entrypoint"), config.get("Cmd")):
        words += [part] if isinstance(part, str) else part or []
    return tuple(words)


def _time(text: str | None) -> datetime | None:
    """A time of the engine in UTC, to the microsecond; None for its zero value, the year 1."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.year > 1 else None
