"""One thread of a fetch: gets objects, or ranges of them, verifies them and puts them in their places."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pfcon.errors import Refused, StorageFull
from pfcon.files.walk import open_regular
from pfcon.links import StagedItem
from pfcon.storage.copy_file import reserve
from pfcon.storage.objects.getting import Write
from pfcon.storage.objects.ranges import LARGE, RangedObject
from pfcon.storage.objects.scratch import ScratchFile
from pfcon.storage.objects.store import Changed, Described, ObjectAbsent
from pfcon.storage.objects.verifying import Chunk, Mismatch, Verifier, holds, verifier
from pfcon.storage.places import Places
from pfcon.units import human_bytes

if TYPE_CHECKING:
    from pfcon.storage.objects.tree_fetch import TreeFetch

TRIES = 4  # of an object that changes, or whose bytes are not what they should be
_MD5 = re.compile("[0-9a-f]{32}")


class Try(NamedTuple):
    """An item to be fetched, and how often that was tried."""

    item: StagedItem
    number: int = 0


class ObjectFetch:
    """For one thread of ``run``."""

    def __init__(self, run: "TreeFetch", places: Places) -> None:
        self._run, self._places = run, places

    def fetch(self, task: Try) -> None:
        """Stage an item, or begin to: of a large object, all threads fetch ranges then."""
        item = task.item
        if item.is_dir:
            self._places.go(item.path)
            return
        with self._telling(item):
            if self._keep(item):
                return
            if item.size > LARGE:
                self._begin(task)
            else:
                self._whole(item)

    def fetch_range(self, ranged: RangedObject, start: int, end: int) -> None:
        """Fetch a range, and put the object in its place if that was the last one."""
        with self._telling(ranged.item):
            try:
                self._run.getter.part(ranged.described, start, end, ranged.write)
            except (Changed, Mismatch, ObjectAbsent) as fault:
                ranged.fail(fault)
            if not ranged.done():
                return
            try:
                ranged.finish()
                self._put(ranged.item, ranged.file, ranged.described)
            except (Changed, Mismatch) as fault:
                self._check_tries(ranged.item, ranged.number, fault)
                self._run.again(Try(ranged.item, ranged.number + 1))
            finally:
                ranged.file.close()
                self._run.end(ranged)

    @contextlib.contextmanager
    def _telling(self, item: StagedItem) -> Iterator[None]:
        """Notes and errors that name the object."""
        try:
            yield
        except ObjectAbsent:
            self._run.gone(item.source)
        except OSError as fault:
            if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            found = os.statvfs(self._run.target)
            free = human_bytes(found.f_bavail * found.f_frsize)
            raise StorageFull(
                f"the disk is full: there is no room for object {item.source!r}; {human_bytes(self._run.nbytes)} of"
                f" the inputs are fetched, {free} are free"
            ) from fault

    def _check_tries(self, item: StagedItem, number: int, fault: Exception) -> None:
        if number + 1 < TRIES:
            return
        reason = "it changes while it is fetched; try again once it is complete"
        if isinstance(fault, Mismatch):
            reason = "the bytes do not match their checksum"
        raise Refused(f"object {item.source!r} in {self._run.place}: {reason}")

    def _go(self, item: StagedItem) -> str:
        """Go to the item's directory; the item's name there."""
        above, _, name = item.path.rpartition("/")
        self._places.go(above)
        return name

    def _put(self, item: StagedItem, file: ScratchFile, described: Described) -> None:
        name = self._go(item)
        file.move(self._places.target, name)
        self._run.staged(described)

    def _whole(self, item: StagedItem) -> None:
        with self._run.scratch.open() as file:
            for number in range(TRIES):
                self._run.crew.check()
                sink = _Sink(self._run, file)
                try:
                    described = self._run.getter.whole(item.source, sink.begin)
                    sink.verifier.finish()
                except (Changed, Mismatch) as fault:
                    self._check_tries(item, number, fault)
                else:
                    self._put(item, file, described)
                    return

    def _begin(self, task: Try) -> None:
        item = task.item
        described = self._run.getter.describe(item.source)
        if described.size <= LARGE:  # it is another one by now
            self._whole(item)
            return
        self._run.room.take(described.size)
        file = self._run.scratch.open()
        try:
            reserve(file.fd, described.size)
        except BaseException:  # whatever it is, nobody else knows of the file yet
            file.close()
            raise
        self._run.begin(RangedObject(item, described, file, task.number))

    def _keep(self, item: StagedItem) -> bool:
        """Take a file of an earlier try over that is known to be the object."""
        name = self._go(item)
        for old in self._places.earlier:
            fd = open_regular(old, name)
            if fd is None:
                continue
            try:
                described = self._held(fd, item)
            finally:
                os.close(fd)
            if described is not None:
                os.rename(name, name, src_dir_fd=old, dst_dir_fd=self._places.target)
                self._run.staged(described, kept=True)
                return True
        return False

    def _held(self, fd: int, item: StagedItem) -> Described | None:
        """The object, if a file is known to hold it. An object in parts may be listed as one without any bytes."""
        size, check = os.fstat(fd).st_size, self._run.crew.check
        if not size or item.size not in (0, size):
            return None
        seen = None
        if item.size and size <= LARGE and _MD5.fullmatch(item.etag):
            seen = Described(item.source, size, item.etag, md5=item.etag)
            if holds(fd, seen, check):
                return seen
        described = self._run.getter.describe(item.source)
        if seen is not None and described.md5 == seen.md5:
            return None
        return described if holds(fd, described, check) else None


class _Sink:
    """Writes and verifies one version of an object that comes in order."""

    verifier: Verifier

    def __init__(self, run: "TreeFetch", file: ScratchFile) -> None:
        self._run, self._fd = run, file.fd

    def begin(self, described: Described) -> Write:
        """See Getter. Raises StorageFull."""
        self._run.room.take(described.size)
        if os.fstat(self._fd).st_size:  # of another version; ext4 flushes what was truncated when it is closed
            os.ftruncate(self._fd, 0)
        self.verifier = verifier(described)
        return self._write

    def _write(self, chunk: Chunk, at: int) -> None:
        self.verifier.update(chunk)
        view = memoryview(chunk)
        while view:
            done = os.pwrite(self._fd, view, at)
            view, at = view[done:], at + done
