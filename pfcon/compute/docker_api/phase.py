"""How far a job of a Docker API is, and since when. Pure."""

from datetime import datetime
from enum import Enum

from pfcon.compute.unreadable import utc


class Phase(Enum):
    """How far a container, or a task of a Swarm, is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    GOING = "going"  # an ended one that is being removed
    UNKNOWN = "unknown"


def time_of(text: str | None) -> datetime | None:
    """A time of the engine in UTC, to the microsecond; None for its zero value, the year 1."""
    found = utc(text)
    return found if found and found.year > 1 else None
