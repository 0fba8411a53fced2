"""How tests wait for what has to come."""

from collections.abc import Callable, Iterator

from pfcon.polling import polls

PATIENCE = 120.0  # seconds: whether something comes is tested, not how quick a machine is that does much else
_PAUSES = (0.02, 0.25)  # seconds, the first and the longest


def looks(timeout: float = PATIENCE) -> Iterator[int]:
    """Numbers of looks: come round to look again, after ever longer pauses, until the time is over; timeout: seconds.

    What takes long is not asked for often: many tests that wait would keep a small machine busy.
    """
    return polls(timeout, *_PAUSES)


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> bool:
    """Whether a condition comes true in time; seconds."""
    return any(condition() for _ in looks(timeout))
