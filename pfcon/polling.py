"""Polling with a timeout."""

import time
from collections.abc import Iterator


def polls(timeout: float, pause: float, longest: float = 0.0) -> Iterator[int]:
    """Yield the number of each check, from 0: the first immediately, each other after a pause, until ``timeout``.

    The last check is after the deadline, so that the last result is not older than that. All times are in seconds. Each
    pause is longer than the one before by half, up to ``longest``; 0: pauses are constant. Usage::

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
