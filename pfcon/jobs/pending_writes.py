"""Changes of records that have to wait because the disk is full.

Deleting frees disk space, so it must not need any: the data are deleted first, and the record is changed once that is
possible. A reserve that is freed on a full disk would be used up immediately: the job that fills the disk may still
run. So the end of a removal that can't be recorded is kept in this process's memory, and recorded as soon as possible.
If the process dies first, the record still has the earlier state of the job, and the deletion can be requested again.
"""

import logging
import threading
from collections.abc import Callable

from pfcon.errors import PfconError, StorageFull
from pfcon.polling import polls

log = logging.getLogger(__name__)

PATIENCE = 3.0  # seconds; longest wait for the disk space of deleted files
POLL = 0.1  # seconds


class PendingWrites:
    """Writes to the records, by name. ``in``: whether a write of that name is pending. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Callable[[], object]] = {}

    def write(self, name: str, write: Callable[[], object]) -> bool:
        """Call ``write``; on a full disk keep it for ``retry`` and return False. Raises its other errors."""
        fault = None
        for _ in polls(PATIENCE, POLL):
            try:
                write()
            except StorageFull as error:
                fault = error
            else:
                return True
        log.warning("there is no space for a record; it will be written later: %s", fault)
        with self._lock:
            self._waiting[name] = write
        return False

    def retry(self) -> None:
        """Call the pending writes again, until one fails."""
        with self._lock:
            waiting = list(self._waiting.items())
        for name, write in waiting:
            try:
                write()
            except PfconError as error:
                log.warning("there is still no space for a record: %s", error)
                return
            with self._lock:
                self._waiting.pop(name, None)

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._waiting
