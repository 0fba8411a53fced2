"""Unpacks checked members in parallel, from one descriptor, in bounded memory."""

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pfcon.archive.contents import LARGE
from pfcon.archive.deflate import CODEC
from pfcon.archive.inflating import inflate_small, inflated, verify
from pfcon.archive.members import Member
from pfcon.errors import StorageFull
from pfcon.files.faults import free_bytes, is_full
from pfcon.files.flags import CREATE, DIRECTORY
from pfcon.files.writing import write_all
from pfcon.units import human_bytes
from pfcon.workers import WorkerPool

BATCH_BYTES = 1 << 20  # bytes of the zip in one read
BATCH_FILES = 128
_SMALL = LARGE  # bytes, packed or unpacked; members up to this size are unpacked with one call
_KNOWN_DIRECTORIES = 1024
_MAX_THREADS = 4

Target = tuple[Member | None, str]  # a file (None: a directory), and its path below the target directory


@dataclass(frozen=True)
class Placing:
    """The files and directories to write. ``first`` are unpacked first; ``rest``: all others, best in the zip's order.

    ``rest`` is iterated once, by one thread at a time. nfiles, nbytes: of both together.
    """

    first: Sequence[Target]
    rest: Iterable[Target]
    nfiles: int
    nbytes: int


def unpack(
    fd: int,
    placing: Placing,
    target: Path,
    report: Callable[[str], None],
    *,
    every: float = 1,
    written: Callable[[int], None] = lambda _: None,
    readable: bool = True,
) -> None:
    """Write members below the empty directory ``target``, to which no other process may write.

    Parent directories are created. ``report`` is called every ``every`` seconds, ``written`` with the number of bytes
    written since its last call. readable: other users may read all that is written, as jobs do; otherwise the umask
    decides that. Raises InvalidFields for damaged data, StorageFull, OSError for other faults; after an error the files
    written so far are kept.
    """
    root = os.open(target, DIRECTORY)
    try:
        masked = readable and os.fstat(root).st_mode & 0o755 != 0o755  # by the process's umask
        if readable:
            os.fchmod(root, 0o755)
        _Unpacking(fd, root, placing, masked, written).run(report, every)
    except OSError as fault:
        if is_full(fault):
            raise _disk_full(target, placing.nbytes) from fault
        raise
    finally:
        os.close(root)


def _disk_full(target: Path, total: int) -> StorageFull:
    free = human_bytes(free_bytes(target))
    return StorageFull(f"data_file: the disk is full: unpacked, the inputs need {human_bytes(total)}, {free} are free")


class _Directories:
    """Creates directories below an empty one, and caches the ones created last."""

    def __init__(self, root: int, masked: bool) -> None:
        self._root, self._masked = root, masked
        self._known = {""}

    def make(self, path: str) -> None:
        """Create a directory and its parents if they are missing. Raises OSError."""
        if path in self._known:
            return
        existing, below = path, []
        while existing and not self._made(existing, self._root):
            existing, _, name = existing.rpartition("/")
            below.append(name)
        if below:  # each relative to its parent: the kernel takes long for a long path
            fd = os.open(existing or ".", DIRECTORY, dir_fd=self._root)
            try:
                for name in reversed(below):
                    self._made(name, fd)
                    above, fd = fd, os.open(name, DIRECTORY, dir_fd=fd)
                    os.close(above)
            finally:
                os.close(fd)
        if len(self._known) > _KNOWN_DIRECTORIES:
            self._known = {""}
        self._known.add(path)

    def _made(self, path: str, above: int) -> bool:
        """Create one directory if it is missing. Returns False if its parent is missing."""
        try:
            os.mkdir(path, 0o755, dir_fd=above)
            if self._masked:
                os.chmod(path, 0o755, dir_fd=above)  # noqa: S103 - jobs of other users read it
        except FileExistsError:
            pass
        except FileNotFoundError:
            return False
        return True


def _member(target: Target) -> Member:
    if target[0] is None:
        raise AssertionError(f"{target[1]!r} is a directory, but is in the list of files to unpack")
    return target[0]


def _is_small(member: Member) -> bool:
    return member.end - member.offset <= BATCH_BYTES and member.size <= _SMALL


def _batches(placing: Placing, directories: _Directories) -> Iterator[list[Target]]:
    """Yield batches: one large member, or adjacent small members of the zip. Creates their directories first."""
    for target in placing.first:
        directories.make(target[1].rpartition("/")[0])
        yield [target]
    batch: list[Target] = []
    size = 0
    for target in placing.rest:
        member, path = target
        if member is None:
            directories.make(path)
            continue
        directories.make(path.rpartition("/")[0])
        if not _is_small(member):
            yield [target]
            continue
        if batch and (
            member.end - _member(batch[0]).offset > BATCH_BYTES
            or member.offset < _member(batch[-1]).offset
            or len(batch) >= BATCH_FILES
            or size + member.size > 4 * _SMALL
        ):
            yield batch
            batch, size = [], 0
        batch.append(target)
        size += member.size
    if batch:
        yield batch


class _Unpacking:
    """Unpacks one zip: threads take batches from one iterator until it is empty or a thread fails."""

    def __init__(self, fd: int, root: int, placing: Placing, masked: bool, written: Callable[[int], None]) -> None:
        self.fd, self.root, self.masked, self.written = fd, root, masked, written
        self.nfiles, self.nbytes = placing.nfiles, placing.nbytes
        self.done_files = self.done_bytes = 0
        self.lock, self.taking = threading.Lock(), threading.Lock()
        self.workers = WorkerPool("unzip", _MAX_THREADS)
        batches = _batches(placing, _Directories(root, masked))
        begun = list(itertools.islice(batches, min(_MAX_THREADS, len(os.sched_getaffinity(0)))))
        self.tasks = itertools.chain(begun, batches)
        self.threads = len(begun)
        self.brief = self.threads <= 1 and all(_is_small(_member(target)) for batch in begun for target in batch)

    def run(self, report: Callable[[str], None], every: float) -> None:
        if self.brief:  # a thread for reports would not be worth its cost
            self._take_batches()
            return
        self.workers.run(self._take_batches, lambda: report(self.progress()), every=every, threads=self.threads)

    def progress(self) -> str:
        return (
            f"staging inputs: {self.done_files} of {self.nfiles} files,"
            f" {human_bytes(self.done_bytes)} of {human_bytes(self.nbytes)}"
        )

    def _take_batches(self) -> None:
        while True:
            with self.taking:
                batch = next(self.tasks, None)
            if batch is None:
                return
            member = _member(batch[0])
            if _is_small(member):
                self._small(batch)
            else:
                self._large(member, batch[0][1])

    def _count(self, nfiles: int, nbytes: int) -> None:
        with self.lock:
            self.done_files += nfiles
            self.done_bytes += nbytes
        self.written(nbytes)
        self.workers.check()

    def _create(self, path: str) -> int:
        made = os.open(path, CREATE, 0o644, dir_fd=self.root)
        if self.masked:
            os.fchmod(made, 0o644)
        return made

    def _small(self, batch: list[Target]) -> None:
        members = [_member(target) for target in batch]
        start = members[0].offset
        block = memoryview(os.pread(self.fd, members[-1].end - start, start))
        for member, (_, path) in zip(members, batch, strict=True):
            data = inflate_small(block[member.offset - start : member.end - start], member)
            out = self._create(path)
            try:
                write_all(out, data)
            finally:
                os.close(out)
        self._count(len(batch), sum(member.size for member in members))

    def _large(self, member: Member, path: str) -> None:
        out = self._create(path)
        try:
            crc = size = 0
            with closing(inflated(self.fd, member)) as chunks:
                for chunk in chunks:
                    size += len(chunk)
                    if size > member.size:
                        break
                    crc = CODEC.crc32(chunk, crc)
                    write_all(out, chunk)
                    self._count(0, len(chunk))
        finally:
            os.close(out)
        verify(member, size, crc)
        self._count(1, 0)
