"""A large object that several threads fetch in ranges, and that is verified in order at the same time."""

import os
from threading import Lock

from pfcon.links import StagedItem
from pfcon.storage.objects.checksums import Chunk, feed, verifier
from pfcon.storage.objects.concurrency import ConcurrencyLimit
from pfcon.storage.objects.download.scratch import ScratchFile
from pfcon.storage.objects.store import Described
from pfcon.units import MIB

LARGE = 64 * MIB  # bytes; smaller objects are fetched with one request
RANGE = 32 * MIB  # bytes; large enough that a request's fixed cost is small
LEAD = 16  # ranges that may be fetched ahead of the verification, which then reads them from the page cache


class RangedObject:
    """One version of an object. A thread calls ``take`` for a range, ``write`` for its bytes in order, then ``done``.

    The bytes written so far are verified from the start on, by whichever thread finds the next ones written; they are
    read from the page cache. After ``fail`` there are no more ranges. The thread whose ``done`` returns True calls
    ``finish``. Thread-safe.
    """

    def __init__(self, item: StagedItem, described: Described, file: ScratchFile, number: int) -> None:
        self.item, self.described, self.file, self.number = item, described, file, number
        self.fault: Exception | None = None
        self._verifier = verifier(described)
        self._state, self._verifying = Lock(), Lock()
        self._taken = 0
        self._limit = ConcurrencyLimit()
        self._verified = 0  # bytes from the start
        self._written: dict[int, int] = {}  # by the starts of unverified ranges: the end of what is written

    def take(self) -> tuple[int, int] | None:
        """Return the first and the end offset of a range that no thread has; None if there is none now."""
        with self._state:
            start = self._taken
            if self.fault is not None or start >= min(self.described.size, self._verified + LEAD * RANGE):
                return None
            if not self._limit.try_begin():
                return None
            self._taken = min(start + RANGE, self.described.size)
            self._written[start] = start
            return start, self._taken

    def write(self, chunk: Chunk, at: int) -> None:
        """Write the next bytes of a range; ``at``: their offset in the object. Raises OSError, Mismatch."""
        size = len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[os.pwrite(self.file.fd, view, at + size - len(view)) :]
        with self._state:
            start = at - at % RANGE
            self._written[start] = at + size
        self._verify(wait=False)

    def fail(self, fault: Exception) -> None:
        """Record why this version can't be fetched; the first reason counts."""
        with self._state:
            self.fault = self.fault or fault

    def done(self) -> bool:
        """End a range; return True if no range is under way and none is left to take."""
        with self._state:
            return not self._limit.end() and (self.fault is not None or self._taken >= self.described.size)

    def finish(self) -> None:
        """Verify the rest. Raises the exception of ``fail`` if there is one, Mismatch."""
        if self.fault is not None:
            raise self.fault
        self._verify(wait=True)
        self._verifier.finish()

    def _verify(self, *, wait: bool) -> None:
        while self._behind() and self._verifying.acquire(blocking=wait):
            try:
                while (end := self._reached()) > self._verified:
                    feed(self.file.fd, self._verified, end, self._verifier, lambda: None)
                    with self._state:
                        self._verified = end
            finally:
                self._verifying.release()  # and check again: another thread may have written, and found it locked

    def _behind(self) -> bool:
        """Return whether the next bytes to verify are written."""
        with self._state:
            at = self._verified
            return self._written.get(at - at % RANGE, at) > at

    def _reached(self) -> int:
        """Return the offset up to which all bytes are written."""
        with self._state:
            at = self._verified
            while (written := self._written.get(at - at % RANGE, at)) > at:
                at = written
                if at % RANGE == 0 or at == self.described.size:
                    del self._written[at - 1 - (at - 1) % RANGE]
            return at
