"""What was done on a full disk before there was room to record it.

Deleting makes room, so it must not need any: the data are deleted first, and the record follows once there is room for
it. A reserve that is freed on a full disk would be used up immediately: the job that fills the disk may still run. So
the end of a removal that can't be recorded is kept in this process, which knows of it meanwhile, and records it as soon
as possible. Should the process die before, the record describes the job as it was, and the deletion can be asked for
again.
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
    """Pieces of writing, by a name each. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Callable[[], object]] = {}

    def write(self, name: str, write: Callable[[], object]) -> bool:
        """Write now, or keep it for ``retry`` where there is no room: then False. Raises what else ``write`` raises."""
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
