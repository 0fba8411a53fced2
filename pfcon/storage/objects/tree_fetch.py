"""Fetches a stream of StagedItems in parallel, in bounded memory; large objects in ranges."""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Condition, Lock
from typing import NamedTuple

from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.storage.objects.getting import Getter
from pfcon.storage.objects.object_fetch import ObjectFetch, Try
from pfcon.storage.objects.ranges import LARGE, RangedObject
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.scratch import Scratch
from pfcon.storage.objects.store import Described, ObjectStore
from pfcon.storage.objects.verifying import verifiable
from pfcon.storage.places import Places
from pfcon.storage.tries import Room
from pfcon.units import human_bytes
from pfcon.workers import TICK, WorkerPool

THREADS = 16  # requests at once; a store that is 20 ms away needs them
_MOST_RANGED = 4  # large objects under way


class _Range(NamedTuple):
    """A part of a large object."""

    ranged: RangedObject
    start: int
    end: int


class TreeFetch:
    """One run. ``files`` and ``nbytes`` count what is staged, ``kept`` the files among it that were there already.

    target: an empty directory that nobody else may write to. Threads take objects from the inputs in turn; of a large
    object they take ranges. Notes get what vanished.
    """

    def __init__(  # noqa: PLR0917 - the parts of a try
        self,
        store: ObjectStore,
        target: Path,
        earlier: list[Path],
        scratch: Scratch,
        room: Room,
        notes: Notes,
        retrying: Retrying,
    ) -> None:
        self.place, self.target, self.scratch, self.room, self.notes = store.place, target, scratch, room, notes
        self.files = self.nbytes = self.kept = 0
        self.getter = Getter(store, retrying, self._came)
        self.crew = WorkerPool("fetch", THREADS, on_stop=retrying.stop)
        self._earlier = earlier
        self._received = self._unverified = 0
        self._counting, self._listing, self._more = Lock(), Lock(), Condition()
        self._items: Iterator[StagedItem] = iter(())
        self._again: deque[Try] = deque()
        self._beginning = 0  # threads that look at a large object
        self._ranged: list[RangedObject] = []
        self._masked = stat.S_IMODE(os.stat(target).st_mode) & 0o755 != 0o755  # by the process's umask
        os.chmod(target, 0o755)  # noqa: S103 - jobs of other users read it

    def run(self, items: Iterator[StagedItem], report: Callable[[str], None]) -> None:
        """Fetch all items; ``report`` is called each second. What was fetched stays after an error.

        Raises what ``items`` raises; see ``fetch``.
        """
        self._items = items
        try:
            self.crew.run(self._work, lambda: report(self.progress()), threads=THREADS)
        finally:
            for ranged in self._ranged:
                ranged.file.close()

    def progress(self) -> str:
        """How far it is; nobody knows how far it has to go while the inputs are being listed."""
        return f"fetching inputs: {self.files} files, {human_bytes(self._received)} received"

    def told(self) -> tuple[str, ...]:
        """Lines for the user."""
        lines = []
        if self._unverified:
            lines.append(
                f"{self._unverified} of {self.files} files could be checked by their sizes alone: of these objects"
                f" {self.place} tells no checksum"
            )
        if self.kept:
            lines.append(f"{self.kept} of {self.files} files were there from an earlier try")
        return tuple(lines)

    def staged(self, described: Described, *, kept: bool = False) -> None:
        """Count an object that has its place."""
        with self._counting:
            self.files += 1
            self.nbytes += described.size
            self.kept += kept
            self._unverified += not verifiable(described)

    def gone(self, name: str) -> None:
        """An object is no more."""
        self.notes.add(f"left out {name!r}: it was deleted while the inputs were fetched")

    def again(self, task: Try) -> None:
        """A large object has to be fetched anew."""
        with self._more:
            self._again.append(task)

    def begin(self, ranged: RangedObject) -> None:
        """Have all threads fetch ranges of an object."""
        with self._more:
            self._ranged.append(ranged)
            self._more.notify_all()

    def end(self, ranged: RangedObject) -> None:
        """An object is complete, or can't be."""
        with self._more:
            self._ranged.remove(ranged)
            self._more.notify_all()

    def _came(self, size: int) -> None:
        with self._counting:
            self._received += size

    def _work(self) -> None:
        with Places(self.target, self._earlier, masked=self._masked) as places:
            worker = ObjectFetch(self, places)
            while (task := self._next()) is not None:
                if isinstance(task, _Range):
                    worker.fetch_range(*task)
                    continue
                try:
                    worker.fetch(task)
                finally:
                    self._begun(task)

    def _next(self) -> _Range | Try | None:
        """What to do next; None when all is done. Waits while others may leave something to do."""
        while True:
            self.crew.check()
            task = self._range() or self._another()
            if task is not None:
                return task
            with self._more:
                if not self._ranged and not self._beginning and not self._again:
                    return None
                self._more.wait(TICK)

    def _range(self) -> _Range | None:
        with self._more:
            for ranged in self._ranged:
                taken = ranged.take()
                if taken is not None:
                    return _Range(ranged, *taken)
        return None

    def _another(self) -> Try | None:
        """An object that is to be fetched; None when there is none, or enough large ones are under way."""
        with self._listing:
            with self._more:
                if len(self._ranged) + self._beginning >= _MOST_RANGED:
                    return None
                task = self._again.popleft() if self._again else None
            if task is None and (item := next(self._items, None)) is not None:
                task = Try(item)
            if task is not None and task.item.size > LARGE:
                with self._more:
                    self._beginning += 1
            return task

    def _begun(self, task: Try) -> None:
        if task.item.size > LARGE:
            with self._more:
                self._beginning -= 1
                self._more.notify_all()
