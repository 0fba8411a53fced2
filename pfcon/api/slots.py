"""Limits how many transfers (uploads and downloads) and event streams a process serves at the same time."""

import threading

from pfcon.errors import Unreachable
from pfcon.metrics.instruments import TRANSFERS

SHORT_REQUEST_THREADS = 8  # of each process: reserved for short requests such as status and health


class TransferSlots:
    """A semaphore for the transfers of one process. threads: how many the process has. Thread-safe."""

    def __init__(self, threads: int) -> None:
        self._most = threads - min(SHORT_REQUEST_THREADS, threads // 2)
        self._free = threading.Semaphore(self._most)

    def acquire(self) -> None:
        """Begin one transfer. Raises Unreachable, without waiting, when no slot is free."""
        if not self._free.acquire(blocking=False):
            raise Unreachable(f"this service process is busy with {self._most} transfers; try again later")
        TRANSFERS.inc()

    def release(self) -> None:
        """End one transfer."""
        TRANSFERS.dec()
        self._free.release()


class StreamSlots:
    """A semaphore for the event streams of one process, each of which also takes a slot of the transfers. Thread-safe.

    threads: how many the process has; streams get a quarter of them at most.
    """

    def __init__(self, threads: int, transfers: TransferSlots) -> None:
        self._most = threads // 4
        self._free = threading.Semaphore(self._most)
        self._transfers = transfers

    def acquire(self) -> None:
        """Begin one stream. Raises Unreachable, without waiting, when no slot is free."""
        if not self._free.acquire(blocking=False):
            raise Unreachable(f"this service process already has {self._most} event streams; try again later")
        try:
            self._transfers.acquire()
        except Unreachable:
            self._free.release()
            raise

    def release(self) -> None:
        """End one stream."""
        self._transfers.release()
        self._free.release()
