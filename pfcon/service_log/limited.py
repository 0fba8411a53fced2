"""A log that many clients can't fill: lines of a kind beyond a rate are counted instead of written."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from pfcon.service_log.lines import write
from pfcon.token_bucket import Bucket

RATE, BURST = 20.0, 200.0  # lines per second, and the size of a burst
SOON = 10.0  # seconds


class LimitedLog:
    """Writes lines of one kind, at most RATE per second on average. Thread-safe.

    The next line that is written says in ``not_logged`` how many before it were not. If none is written in SOON
    seconds, a line says only that. clock: returns monotonic seconds. soon: seconds.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic, *, soon: float = SOON) -> None:
        self._log, self._clock, self._soon = log, clock, soon
        self._bucket = Bucket(RATE, BURST, clock())
        self._lock = threading.Lock()
        self._dropped = 0

    def write(self, level: int, text: str, /, **fields: Any) -> None:
        """See ``write`` of the package."""
        if not self._log.isEnabledFor(level):
            return
        with self._lock:
            if not self._bucket.has_token(self._clock()):
                self._dropped += 1
                if self._dropped == 1:
                    self._tell_soon(level, text)
                return
            self._bucket.take()
            dropped, self._dropped = self._dropped, 0
        write(self._log, level, text, **fields, not_logged=dropped or None)

    def _tell_soon(self, level: int, text: str) -> None:
        """Have the number written if no line has it soon."""
        timer = threading.Timer(self._soon, self._tell, (level, text))
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread can be started: the next line has the number
            timer.start()

    def _tell(self, level: int, text: str) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            write(self._log, level, text, not_logged=dropped)
