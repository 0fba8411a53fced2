"""The work of one thread of a download: fetches objects or ranges, verifies them, and moves them to their places."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pfcon.errors import Refused, StorageFull
from pfcon.files.faults import free_bytes, is_full
from pfcon.files.walk import open_regular
from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.storage.attempts import DiskQuota
from pfcon.storage.copy_file import reserve
from pfcon.storage.objects.checksums import Chunk, Mismatch, Verifier, holds, verifier
from pfcon.storage.objects.download.ranges import LARGE, RangedObject
from pfcon.storage.objects.download.reader import ObjectReader, Write
from pfcon.storage.objects.download.scratch import Scratch, ScratchFile
from pfcon.storage.objects.download.tasks import Attempt, Range, TaskQueue, Totals
from pfcon.storage.objects.store import Changed, Described, ObjectAbsent
from pfcon.storage.staging_dirs import StagingDirs
from pfcon.units import human_bytes

ATTEMPTS = 4  # to fetch an object that changes, or whose bytes don't match
_MD5 = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class FetchContext:
    """What the threads of a download share. ``place``: see ObjectStore.

    ``target``: the directory to stage in. ``check`` raises Cancelled if another thread has failed.
    """

    place: str
    target: Path
    reader: ObjectReader
    scratch: Scratch
    quota: DiskQuota
    notes: Notes
    queue: TaskQueue
    totals: Totals
    check: Callable[[], None]


class FetchWorker:
    """For one thread. staging_dirs: the thread's own. Methods raise what ``fetch.fetch`` raises, and Cancelled."""

    def __init__(self, context: FetchContext, staging_dirs: StagingDirs) -> None:
        self._context, self._staging_dirs = context, staging_dirs

    def fetch(self, attempt: Attempt) -> None:
        """Stage an item. Of a large object only begin: the ranges are added to the queue."""
        item = attempt.item
        if item.is_dir:
            self._staging_dirs.enter(item.path)
            return
        with self._naming_object(item):
            if self._keep(item):
                return
            if item.size > LARGE:
                self._begin(attempt)
            else:
                self._whole(item)

    def fetch_range(self, task: Range) -> None:
        """Fetch a range. After the last one, verify the object and move it to its place, or retry it."""
        ranged = task.ranged
        with self._naming_object(ranged.item):
            try:
                self._context.reader.read_range(ranged.described, task.start, task.end, ranged.write)
            except (Changed, Mismatch, ObjectAbsent) as fault:
                ranged.fail(fault)
            if not ranged.done():
                return
            try:
                ranged.finish()
                self._put(ranged.item, ranged.file, ranged.described)
            except (Changed, Mismatch) as fault:
                self._check_attempts(ranged.item, ranged.number, fault)
                self._context.queue.retry(Attempt(ranged.item, ranged.number + 1))
            finally:
                ranged.file.close()
                self._context.queue.end(ranged)

    @contextlib.contextmanager
    def _naming_object(self, item: StagedItem) -> Iterator[None]:
        """Note an object that was deleted; translate a full disk to StorageFull. Both name the object."""
        try:
            yield
        except ObjectAbsent:
            self._context.notes.add(f"left out {item.source!r}: it was deleted while the inputs were fetched")
        except OSError as fault:
            if not is_full(fault):
                raise
            free = human_bytes(free_bytes(self._context.target))
            fetched = human_bytes(self._context.totals.nbytes)
            raise StorageFull(
                f"the disk is full: there is no space for object {item.source!r}; {fetched} of the inputs are fetched,"
                f" {free} are free"
            ) from fault

    def _check_attempts(self, item: StagedItem, number: int, fault: Exception) -> None:
        if number + 1 < ATTEMPTS:
            return
        reason = "it changes while it is fetched; try again once it is complete"
        if isinstance(fault, Mismatch):
            reason = "the bytes do not match their checksum"
        raise Refused(f"object {item.source!r} in {self._context.place}: {reason}")

    def _go(self, item: StagedItem) -> str:
        """Enter the item's directory; return the item's name in it."""
        above, _, name = item.path.rpartition("/")
        self._staging_dirs.enter(above)
        return name

    def _put(self, item: StagedItem, file: ScratchFile, described: Described) -> None:
        name = self._go(item)
        file.move(self._staging_dirs.target, name)
        self._context.totals.add_staged(described)

    def _whole(self, item: StagedItem) -> None:
        with self._context.scratch.open() as file:
            for number in range(ATTEMPTS):
                self._context.check()
                sink = _Sink(self._context.quota, file)
                try:
                    described = self._context.reader.read_all(item.source, sink.begin)
                    sink.verifier.finish()
                except (Changed, Mismatch) as fault:
                    self._check_attempts(item, number, fault)
                else:
                    self._put(item, file, described)
                    return

    def _begin(self, attempt: Attempt) -> None:
        item = attempt.item
        described = self._context.reader.describe(item.source)
        if described.size <= LARGE:  # it was replaced by a smaller one
            self._whole(item)
            return
        self._context.quota.take(described.size)
        file = self._context.scratch.open()
        try:
            reserve(file.fd, described.size)
        except BaseException:  # nothing else closes the file yet
            file.close()
            raise
        self._context.queue.begin(RangedObject(item, described, file, attempt.number))

    def _keep(self, item: StagedItem) -> bool:
        """Stage a file of an earlier attempt, if one is proved to hold the object; return whether it was."""
        name = self._go(item)
        for old in self._staging_dirs.earlier:
            fd = open_regular(old, name)
            if fd is None:
                continue
            try:
                described = self._verified_object(fd, item)
            finally:
                os.close(fd)
            if described is not None:
                os.rename(name, name, src_dir_fd=old, dst_dir_fd=self._staging_dirs.target)
                self._context.totals.add_staged(described, kept=True)
                return True
        return False

    def _verified_object(self, fd: int, item: StagedItem) -> Described | None:
        """Return the object if a file is proved to hold it. (A dynamic large object is listed with size 0.)"""
        size, check = os.fstat(fd).st_size, self._context.check
        if not size or item.size not in (0, size):
            return None
        seen = None
        if item.size and size <= LARGE and _MD5.fullmatch(item.etag):
            seen = Described(item.source, size, item.etag, md5=item.etag)
            if holds(fd, seen, check):
                return seen
        described = self._context.reader.describe(item.source)
        if seen is not None and described.md5 == seen.md5:
            return None
        return described if holds(fd, described, check) else None


class _Sink:
    """Writes one version of an object to a file and verifies it."""

    verifier: Verifier

    def __init__(self, quota: DiskQuota, file: ScratchFile) -> None:
        self._quota, self._fd = quota, file.fd

    def begin(self, described: Described) -> Write:
        """See ``ObjectReader.read_all``. Raises StorageFull."""
        self._quota.take(described.size)
        if os.fstat(self._fd).st_size:  # of another version; only then: ext4 flushes a truncated file when it is closed
            os.ftruncate(self._fd, 0)
        self.verifier = verifier(described)
        return self._write

    def _write(self, chunk: Chunk, at: int) -> None:
        self.verifier.update(chunk)
        view = memoryview(chunk)
        while view:
            done = os.pwrite(self._fd, view, at)
            view, at = view[done:], at + done
