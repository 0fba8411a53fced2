"""Logs once that the database of the records does not answer, or is full, and once that it answers again."""

import logging
import threading
import time

from pfcon.metrics.instruments import DATABASE_FAILURES
from pfcon.service_log import write

log = logging.getLogger(__name__)


class DatabaseOutage:
    """The present outage of this process's database, if any. Thread-safe. Costs nothing while there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = 0.0  # monotonic seconds; 0: it answers

    def failed(self, reason: str) -> None:
        """Record that a transaction has failed because of the database."""
        DATABASE_FAILURES.inc()
        with self._lock:
            if self._since:
                return
            self._since = time.monotonic()
        write(log, logging.WARNING, "database away", error=reason)

    def succeeded(self) -> None:
        """Record that a transaction has succeeded."""
        if not self._since:
            return
        with self._lock:
            since, self._since = self._since, 0.0
        if since:
            write(log, logging.WARNING, "database answers again", after_seconds=round(time.monotonic() - since, 1))


OUTAGE = DatabaseOutage()
"""Of this process, which has one database."""
