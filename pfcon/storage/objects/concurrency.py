"""An adaptive limit for the number of parts of large objects that are transferred in parallel.

A near store's time goes into checksums and the disk: with sixteen ranges in parallel a fetch took a seventh longer than
with two. With a distant store, whose requests take long, the number soon grows to the number of threads.
"""

import time
from threading import Condition

FEW = 2  # that are enough for a near store
PAUSE = 0.1  # seconds; whenever no transfer has begun for this time, one more may begin


class ConcurrencyLimit:
    """Counts the transfers under way. Thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._active = 0
        self._begun = 0.0

    def try_begin(self) -> bool:
        """Begin a transfer if the limit allows it; return whether it began. Does not wait."""
        with self._changed:
            return self._begin_if_due() <= 0

    def begin(self) -> None:
        """Begin a transfer; wait until the limit allows it, ``PAUSE`` at most after the last one began."""
        with self._changed:
            while (wait := self._begin_if_due()) > 0:
                self._changed.wait(wait)

    def end(self) -> int:
        """End a transfer; return how many are still under way."""
        with self._changed:
            self._active -= 1
            self._changed.notify()
            return self._active

    def _begin_if_due(self) -> float:
        """Begin a transfer if the limit allows it; return the seconds until it does, at most 0 if one began."""
        now = time.monotonic()
        wait = self._begun + PAUSE - now if self._active >= FEW else 0.0
        if wait <= 0:
            self._active += 1
            self._begun = now
        return wait
