"""How many long requests a process serves at once."""

import threading

from pfcon.errors import Unreachable

SHORT_REQUEST_THREADS = 8  # of each process: what transfers leave to status, health and the like


class TransferSlots:
    """Bounds the transfers of one process that has so many ``threads``."""

    def __init__(self, threads: int) -> None:
        self._most = threads - min(SHORT_REQUEST_THREADS, threads // 2)
        self._free = threading.Semaphore(self._most)

    def acquire(self) -> None:
        """Raises Unreachable when there are too many."""
        if not self._free.acquire(blocking=False):
            raise Unreachable(f"this server process is busy with {self._most} uploads and downloads; try again later")

    def release(self) -> None:
        """End one transfer."""
        self._free.release()
