"""How many parts of large objects are under way: few to or from a near store, many where it is distant.

A near store's time goes into checksums and the disk: sixteen ranges at once took a seventh longer to fetch than two. To
or from a distant one there are soon as many under way as there are threads.
"""

import time
from threading import Condition

FEW = 2  # that are enough for a near store
PAUSE = 0.1  # seconds; whenever none was begun for so long, one more is


class Pace:
    """Counts the parts under way. Safe across threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._active = 0
        self._begun = 0.0

    def try_begin(self) -> bool:
        """Begin one if that is due."""
        with self._changed:
            return self._begin_if_due() <= 0

    def begin(self) -> None:
        """Begin one when that is due, after a ``PAUSE`` at most."""
        with self._changed:
            while (wait := self._begin_if_due()) > 0:
                self._changed.wait(wait)

    def end(self) -> int:
        """One has ended; gives back how many are under way."""
        with self._changed:
            self._active -= 1
            self._changed.notify()
            return self._active

    def _begin_if_due(self) -> float:
        """Seconds until one more is due; where that is none, it is begun."""
        now = time.monotonic()
        wait = self._begun + PAUSE - now if self._active >= FEW else 0.0
        if wait <= 0:
            self._active += 1
            self._begun = now
        return wait
