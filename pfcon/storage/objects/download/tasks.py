"""What the threads of a download share: the queue of their tasks, and the totals of what is staged."""

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Lock
from typing import NamedTuple

from pfcon.links import StagedItem
from pfcon.storage.objects.checksums import verifiable
from pfcon.storage.objects.download.ranges import LARGE, RangedObject
from pfcon.storage.objects.store import Described
from pfcon.units import human_bytes
from pfcon.workers import TICK

_MOST_RANGED = 4  # large objects under way


class Attempt(NamedTuple):
    """An item to fetch, and the number of attempts before this one."""

    item: StagedItem
    number: int = 0


class Range(NamedTuple):
    """A range of a large object to fetch, from byte ``start`` to byte ``end``."""

    ranged: RangedObject
    start: int
    end: int


class TaskQueue:
    """Ranges of the large objects under way, objects to fetch again, and the other items. Thread-safe.

    ``check`` is called before each task, also while a thread waits for one; what it raises is passed on. A thread that
    takes an Attempt calls ``done`` after it.
    """

    def __init__(self, items: Iterator[StagedItem], check: Callable[[], None]) -> None:
        self._items, self._check = items, check
        self._listing, self._more = Lock(), Condition()
        self._retries: deque[Attempt] = deque()
        self._beginning = 0  # threads that handle a large object of which no range can be taken yet
        self._ranged: list[RangedObject] = []

    def next(self) -> Range | Attempt | None:
        """Return the next task; None if all are done. Waits while another thread may still add one.

        Raises what ``items`` raises.
        """
        while True:
            self._check()
            task = self._next_range() or self._next_attempt()
            if task is not None:
                return task
            with self._more:
                if not self._ranged and not self._beginning and not self._retries:
                    return None
                self._more.wait(TICK)

    def done(self, attempt: Attempt) -> None:
        """End an attempt that ``next`` returned, whether it failed or not."""
        if attempt.item.size > LARGE:
            with self._more:
                self._beginning -= 1
                self._more.notify_all()

    def retry(self, attempt: Attempt) -> None:
        """Add an object that has to be fetched again."""
        with self._more:
            self._retries.append(attempt)

    def begin(self, ranged: RangedObject) -> None:
        """Let all threads take ranges of a large object."""
        with self._more:
            self._ranged.append(ranged)
            self._more.notify_all()

    def end(self, ranged: RangedObject) -> None:
        """Remove a large object, which is complete or can't be fetched."""
        with self._more:
            self._ranged.remove(ranged)
            self._more.notify_all()

    def close(self) -> None:
        """Close the files of large objects under way. No thread may use the queue any more."""
        for ranged in self._ranged:
            ranged.file.close()

    def _next_range(self) -> Range | None:
        with self._more:
            for ranged in self._ranged:
                taken = ranged.take()
                if taken is not None:
                    return Range(ranged, *taken)
        return None

    def _next_attempt(self) -> Attempt | None:
        """Return an object to fetch; None if there is none, or if enough large ones are under way."""
        with self._listing:
            with self._more:
                if len(self._ranged) + self._beginning >= _MOST_RANGED:
                    return None
                attempt = self._retries.popleft() if self._retries else None
            if attempt is None and (item := next(self._items, None)) is not None:
                attempt = Attempt(item)
            if attempt is not None and attempt.item.size > LARGE:
                with self._more:
                    self._beginning += 1
            return attempt


class Totals:
    """Counts what is staged and received. Thread-safe. place: of the store, for messages.

    ``nfiles``, ``nbytes``: of the staged files. ``nkept``: staged files that an earlier attempt has fetched.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._lock = Lock()
        self._received = self._unverified = 0
        self.nfiles = self.nbytes = self.nkept = 0

    def add_received(self, size: int) -> None:
        """Count bytes that were read from the store."""
        with self._lock:
            self._received += size

    def add_staged(self, described: Described, *, kept: bool = False) -> None:
        """Count an object that is in its place; kept: an earlier attempt has fetched it."""
        with self._lock:
            self.nfiles += 1
            self.nbytes += described.size
            self.nkept += kept
            self._unverified += not verifiable(described)

    def progress(self) -> str:
        """Return a line about the progress. The total is unknown while the inputs are being listed."""
        return f"fetching inputs: {self.nfiles} files, {human_bytes(self._received)} received"

    def summary(self) -> tuple[str, ...]:
        """Return lines for the user, about files without a checksum and files of earlier attempts."""
        lines = []
        if self._unverified:
            lines.append(
                f"{self._unverified} of {self.nfiles} files could be verified only by their sizes:"
                f" {self._place} returns no checksum of these objects"
            )
        if self.nkept:
            lines.append(f"{self.nkept} of {self.nfiles} files were reused from an earlier attempt")
        return tuple(lines)
