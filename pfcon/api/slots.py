"""Limits how many transfers (uploads and downloads) a process serves at the same time."""

import threading

from pfcon.errors import Unreachable

SHORT_REQUEST_THREADS = 8  # of each process: reserved for short requests such as status and health


class TransferSlots:
    """A semaphore for the transfers of one process. threads: how many the process has. Thread-safe."""

    def __init__(self, threads: int) -> None:
        self._most = threads - min(SHORT_REQUEST_THREADS, threads // 2)
        self._free = threading.Semaphore(self._most)

    def acquire(self) -> None:
        """Begin one transfer. Raises Unreachable, without waiting, when no slot is free."""
        if not self._free.acquire(blocking=False):
            raise Unreachable(f"this service process is busy with {self._most} uploads and downloads; try again later")

    def release(self) -> None:
        """End one transfer."""
        self._free.release()
