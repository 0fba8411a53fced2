"""Limits how many transfers (uploads and downloads) and streams a process serves at the same time."""

import threading

from pfcon.errors import Unreachable
from pfcon.metrics.instruments import STREAMS, TRANSFERS

SHORT_REQUEST_THREADS = 8  # of each process: reserved for short requests such as status and health
EVENT_STREAMS = 100  # of each process; one is enough for all jobs of a client
LOG_STREAMS = 300  # of each process: one for each user that looks at a log


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
    """A semaphore for the streams of one kind of one process. No thread belongs to a stream. Thread-safe.

    kind: what the streams have, in the plural. most: how many there may be.
    """

    def __init__(self, kind: str, most: int) -> None:
        self._kind, self._most = kind, most
        self._free = threading.Semaphore(most)
        self._count = STREAMS.labels(kind)

    def acquire(self) -> None:
        """Begin one stream. Raises Unreachable, without waiting, when no slot is free."""
        if not self._free.acquire(blocking=False):
            raise Unreachable(f"this service process already has {self._most} streams of {self._kind}; try again later")
        self._count.inc()

    def release(self) -> None:
        """End one stream."""
        self._count.dec()
        self._free.release()
