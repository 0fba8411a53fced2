"""A log that many clients can't fill: lines of a kind beyond a rate are counted instead of written."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from pfcon.service_log.lines import write
from pfcon.token_bucket import Bucket

RATE, BURST = 20.0, 200.0  # lines per second, and the size of a burst


class LimitedLog:
    """Writes lines of one kind, at most RATE per second on average. Thread-safe.

    The next line that is written says in ``not_logged`` how many before it were not.
    clock: returns monotonic seconds.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
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
                return
            self._bucket.take()
            dropped, self._dropped = self._dropped, 0
        write(self._log, level, text, **fields, not_logged=dropped or None)
