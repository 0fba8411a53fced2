"""What was done on a full disk before it could be written down.

Deleting makes room, so it must not need any: the data go first, and the record follows once there is room for it. The
other way, a reserve that is let go of when the disk is full, would be gone at once: the job that fills the disk may
still run, and takes what comes free. So an end of a removal that can't be recorded is kept in this process, which
knows of it meanwhile, and is written by it as soon as possible. Should the process die before, the record tells of the
job as it was, and the deletion can be asked for again.
"""

import logging
import threading
import time
from collections.abc import Callable

from pfcon.errors import PfconError, StorageFull

log = logging.getLogger(__name__)

PATIENCE = 3.0  # seconds for what was removed to come off the disk
POLL = 0.1  # seconds


class Unwritten:
    """Pieces of writing, by a name each. Safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Callable[[], object]] = {}

    def write(self, name: str, write: Callable[[], object]) -> bool:
        """Write now, or keep it for ``retry`` where there is no room: then False. Raises what else is in the way."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                write()
            except StorageFull as error:
                if time.monotonic() < deadline:
                    time.sleep(POLL)
                    continue
                log.warning("there is no room for the record; it is written later: %s", error)
                with self._lock:
                    self._waiting[name] = write
                return False
            return True

    def retry(self) -> None:
        """Write what there was no room for."""
        with self._lock:
            waiting = list(self._waiting.items())
        for name, write in waiting:
            try:
                write()
            except PfconError as error:
                log.warning("there is still no room for a record: %s", error)
                return
            with self._lock:
                self._waiting.pop(name, None)

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._waiting
