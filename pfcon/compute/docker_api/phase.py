"""The phases of a job on a Docker API, and its times. Pure."""

from datetime import datetime
from enum import Enum

from pfcon.compute.unreadable import utc


class Phase(Enum):
    """The phase of a container, or of a task of a Swarm."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    GOING = "going"  # it has ended and is being removed
    UNKNOWN = "unknown"


def time_of(text: str | None) -> datetime | None:
    """Parse a time of the engine; return it in UTC, to the microsecond. None for the zero value, the year 1."""
    found = utc(text)
    return found if found and found.year > 1 else None
