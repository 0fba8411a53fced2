"""How tests wait for a condition."""

from collections.abc import Callable, Iterator

from pfcon.polling import polls

PATIENCE = 120.0  # seconds: long, because tests do not check the speed of a machine that may be busy
_PAUSES = (0.02, 0.25)  # seconds: the first and the longest pause


def checks(timeout: float = PATIENCE) -> Iterator[int]:
    """Yield the number of each check of a condition, with growing pauses, until ``timeout`` (seconds); see ``polls``.

    Pauses grow because many waiting tests would otherwise keep a small machine busy.
    """
    return polls(timeout, *_PAUSES)


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> bool:
    """Whether a condition becomes true within ``timeout`` seconds."""
    return any(condition() for _ in checks(timeout))
