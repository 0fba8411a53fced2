"""How far a job of a Docker API is, and since when. Pure."""

from datetime import UTC, datetime
from enum import Enum


class Phase(Enum):
    """How far a container, or a task of a Swarm, is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    GOING = "going"  # an ended one that is being removed
    UNKNOWN = "unknown"


def time_of(text: str | None) -> datetime | None:
    """A time of the engine in UTC, to the microsecond; None for its zero value, the year 1."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.year > 1 else None
