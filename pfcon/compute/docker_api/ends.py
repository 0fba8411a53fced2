"""How a job of a Docker API ended, in words. Pure."""

from datetime import UTC, datetime
from enum import Enum

from pfcon.compute.words import signal_name
from pfcon.units import MIB


class Phase(Enum):
    """How far a container, or a task of a Swarm, is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    GOING = "going"  # an ended one that is being removed
    UNKNOWN = "unknown"


def exit_message(code: int, limit: int, *, oom_killed: bool) -> str:
    """Why a job failed that ran; empty for one that succeeded.

    limit: the job's limit of memory in bytes, 0 for none. oom_killed: whether the engine says that it was killed
    for want of memory.
    """
    name = signal_name(code)
    if code == 0:
        message = ""
    elif oom_killed:
        message = "out of memory: "
        message += f"the job exceeded its limit of {limit // MIB} MiB" if limit else "the machine has no more"
    elif name == "SIGKILL" and limit:
        # Podman 4.3 never sets OOMKilled on cgroups v1, Docker not for every way to run out of memory, and a Swarm
        # does not tell it of another node's containers.
        message = f"killed by signal SIGKILL, probably out of memory: the job's limit is {limit // MIB} MiB"
    elif name:
        message = f"killed by signal {name}"
    else:
        message = f"exit code {code}"
    return message


def time_of(text: str | None) -> datetime | None:
    """A time of the engine in UTC, to the microsecond; None for its zero value, the year 1."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.year > 1 else None
