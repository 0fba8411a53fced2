"""Looking again and again until something has happened or the time is over."""

import time
from collections.abc import Iterator


def polls(timeout: float, pause: float, longest: float = 0.0) -> Iterator[int]:
    """The numbers of looks: the first immediately, the others after a pause each, until ``timeout`` is over.

    There is a last look after the last pause, so that the condition is never older than the deadline. All times are in
    seconds. Pauses grow by half each up to ``longest``; 0: they stay the same. The usual use::

        for _ in polls(TIMEOUT, PAUSE):
            if has_happened():
                return
        raise Unreachable("it has not happened in time")
    """
    deadline, number = time.monotonic() + timeout, 0
    yield number
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause, number = min(pause * 1.5, max(pause, longest)), number + 1
        yield number
