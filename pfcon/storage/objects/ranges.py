"""A large object that is fetched in ranges, by several threads at once, and verified in order while they come."""

import os
from threading import Lock

from pfcon.links import StagedItem
from pfcon.storage.objects.checksums import Chunk, feed, verifier
from pfcon.storage.objects.concurrency import ConcurrencyLimit
from pfcon.storage.objects.scratch import ScratchFile
from pfcon.storage.objects.store import Described
from pfcon.units import MIB

LARGE = 64 * MIB  # bytes; smaller objects are fetched with one request
RANGE = 32 * MIB  # enough that a request's own cost does not count
LEAD = 16  # ranges that may be fetched ahead of what is verified: they are in the page cache then


class RangedObject:
    """One version of an object. Threads ``take`` a range, ``write`` it in order and give it back with ``done``.

    What is written is verified from the start on, by whichever thread finds that it can go on; it is read from the page
    cache where it has just gone. After ``fail`` there are no more ranges. The last ``done`` tells that it is the last.
    """

    def __init__(self, item: StagedItem, described: Described, file: ScratchFile, number: int) -> None:
        self.item, self.described, self.file, self.number = item, described, file, number
        self.fault: Exception | None = None
        self._verifier = verifier(described)
        self._state, self._verifying = Lock(), Lock()
        self._taken = 0
        self._limit = ConcurrencyLimit()
        self._verified = 0  # bytes from the start
        self._written: dict[int, int] = {}  # up to where each range is, by its start; those that are not verified yet

    def take(self) -> tuple[int, int] | None:
        """Start and end of a range that nobody has taken; None when there is none now."""
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
        """The next bytes of the range that they belong to. Raises OSError, Mismatch."""
        size = len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[os.pwrite(self.file.fd, view, at + size - len(view)) :]
        with self._state:
            start = at - at % RANGE
            self._written[start] = at + size
        self._verify(wait=False)

    def fail(self, fault: Exception) -> None:
        """This version can't be fetched."""
        with self._state:
            self.fault = self.fault or fault

    def done(self) -> bool:
        """A range is given back; whether it was the last one under way and there will be no more."""
        with self._state:
            return not self._limit.end() and (self.fault is not None or self._taken >= self.described.size)

    def finish(self) -> None:
        """Verify the rest. Raises the fault, Mismatch."""
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
                self._verifying.release()  # and look again: others may have written and found it locked

    def _behind(self) -> bool:
        """Whether more is written than verified."""
        with self._state:
            at = self._verified
            return self._written.get(at - at % RANGE, at) > at

    def _reached(self) -> int:
        """Up to where all bytes are written."""
        with self._state:
            at = self._verified
            while (written := self._written.get(at - at % RANGE, at)) > at:
                at = written
                if at % RANGE == 0 or at == self.described.size:
                    del self._written[at - 1 - (at - 1) % RANGE]
            return at
