"""Unpacks checked members in parallel, from one descriptor, in bounded memory."""

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from pfcon.archive.deflate import CODEC
from pfcon.archive.faults import bad_zip
from pfcon.archive.members import LOCAL_HEADER_BYTES, STORED, Member
from pfcon.errors import TooLarge
from pfcon.units import human_bytes

CHUNK = 128 << 10  # bytes of one read and at most of one write
BATCH_BYTES = 1 << 20  # of the zip, read at once
BATCH_FILES = 128
_SMALL = 1 << 20  # bytes, packed or not, up to which a member is unpacked whole
_MAX_THREADS = 4
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Placed = tuple[Member, str]  # a member and its path below the target


class _Cancelled(Exception):
    pass


def read_small(fd: int, member: Member) -> bytes:
    """The content of a member of at most 1 MiB. Raises InvalidFields when it is damaged."""
    span = min(member.end - member.offset, LOCAL_HEADER_BYTES + 2 * 0xFFFF + member.packed)
    return bytes(_inflate_small(memoryview(os.pread(fd, span, member.offset)), member))


def unpack(
    fd: int,
    files: Sequence[Placed],
    directories: Iterable[str],
    target: Path,
    report: Callable[[str], None],
    *,
    every: float = 1,
) -> None:
    """Write members below the empty directory ``target``, which nobody else may write to.

    Parent directories are made. ``report`` is called each ``every`` seconds. Raises InvalidFields for damaged data,
    TooLarge for a full disk, OSError for other faults; what was written until then stays.
    """
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        masked = _make_directories(root, files, directories)
        _Unpacking(fd, root, files, masked).run(report, every)
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(target, sum(member.size for member, _ in files)) from fault
        raise
    finally:
        os.close(root)


def _disk_full(target: Path, total: int) -> TooLarge:
    found = os.statvfs(target)
    free = human_bytes(found.f_bavail * found.f_frsize)
    return TooLarge(f"data_file: the disk is full: unpacked, the inputs need {human_bytes(total)}, {free} are free")


def _make_directories(root: int, files: Iterable[Placed], directories: Iterable[str]) -> bool:
    """Make all directories; give back whether the process's umask takes bits from what is created."""
    needed = set(directories)
    needed.update(path.rpartition("/")[0] for _, path in files)
    for path in tuple(needed):
        parent = path.rpartition("/")[0]
        while parent not in needed:
            needed.add(parent)
            parent = parent.rpartition("/")[0]
    needed.discard("")
    os.fchmod(root, 0o755)
    masked = False
    for path in sorted(needed):
        os.mkdir(path, 0o755, dir_fd=root)
        masked = masked or os.stat(path, dir_fd=root, follow_symlinks=False).st_mode & 0o777 != 0o755
        if masked:
            os.chmod(path, 0o755, dir_fd=root)  # noqa: S103 - jobs of other users read it
    return masked or not needed


def _is_small(member: Member) -> bool:
    return member.end - member.offset <= BATCH_BYTES and member.size <= _SMALL


def _batches(files: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Large members alone, the largest first; then runs of small ones that lie together in the zip."""
    large = [[placed] for placed in files if not _is_small(placed[0])]
    yield from sorted(large, key=lambda batch: -batch[0][0].size)
    batch: list[Placed] = []
    size = 0
    for placed in sorted((p for p in files if _is_small(p[0])), key=lambda p: p[0].offset):
        member = placed[0]
        if batch and (
            member.end - batch[0][0].offset > BATCH_BYTES
            or len(batch) >= BATCH_FILES
            or size + member.size > 4 * _SMALL
        ):
            yield batch
            batch, size = [], 0
        batch.append(placed)
        size += member.size
    if batch:
        yield batch


class _Unpacking:
    """One run: threads take batches from one iterator until it is empty or one of them fails."""

    def __init__(self, fd: int, root: int, files: Sequence[Placed], masked: bool) -> None:
        self.fd, self.root, self.masked = fd, root, masked
        self.nfiles, self.nbytes = len(files), sum(member.size for member, _ in files)
        self.done_files = self.done_bytes = 0
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        batches = list(_batches(files))
        self.tasks = iter(batches)
        self.threads = min(_MAX_THREADS, len(os.sched_getaffinity(0)), len(batches))
        self.brief = len(batches) <= 1 and all(_is_small(placed[0]) for placed in files)

    def run(self, report: Callable[[str], None], every: float) -> None:
        if self.brief:  # a thread to report from would cost more than it brings
            self._take_batches()
            return
        with ThreadPoolExecutor(self.threads, "unzip") as pool:
            try:
                left = {pool.submit(self._work) for _ in range(self.threads)}
                failed = False
                while left and not failed:
                    done, left = wait(left, timeout=every, return_when=FIRST_EXCEPTION)
                    failed = any(future.exception() for future in done)
                    if left and not failed:
                        report(self.progress())
            finally:
                self.stopped.set()
        for future in sorted(done | left, key=lambda future: isinstance(future.exception(), _Cancelled)):
            future.result()

    def progress(self) -> str:
        return (
            f"staging inputs: {self.done_files} of {self.nfiles} files,"
            f" {human_bytes(self.done_bytes)} of {human_bytes(self.nbytes)}"
        )

    def _work(self) -> None:
        try:
            self._take_batches()
        except BaseException:  # whatever it is, all others stop, at once: the thread that waits may be slow to wake
            self.stopped.set()
            raise

    def _take_batches(self) -> None:
        while True:
            with self.lock:
                batch = next(self.tasks, None)
            if batch is None:
                return
            if _is_small(batch[0][0]):
                self._small(batch)
            else:
                self._large(*batch[0])

    def _count(self, nfiles: int, nbytes: int) -> None:
        with self.lock:
            self.done_files += nfiles
            self.done_bytes += nbytes
        if self.stopped.is_set():
            raise _Cancelled

    def _create(self, path: str) -> int:
        made = os.open(path, _CREATE, 0o644, dir_fd=self.root)
        if self.masked:
            os.fchmod(made, 0o644)
        return made

    def _small(self, batch: list[Placed]) -> None:
        start = batch[0][0].offset
        block = memoryview(os.pread(self.fd, batch[-1][0].end - start, start))
        for member, path in batch:
            data = _inflate_small(block[member.offset - start : member.end - start], member)
            out = self._create(path)
            try:
                write_all(out, data)
            finally:
                os.close(out)
        self._count(len(batch), sum(member.size for member, _ in batch))

    def _large(self, member: Member, path: str) -> None:
        out = self._create(path)
        try:
            crc = size = 0
            for chunk in _inflated(self.fd, member):
                size += len(chunk)
                if size > member.size:
                    break
                crc = CODEC.crc32(chunk, crc)
                write_all(out, chunk)
                self._count(0, len(chunk))
        finally:
            os.close(out)
        _verify(member, size, crc)
        self._count(1, 0)


def _verify(member: Member, size: int, crc: int) -> None:
    if size > member.size:
        raise bad_zip(f"member {member.path!r} holds more than the {member.size} bytes it declares")
    if size < member.size:
        raise bad_zip(f"member {member.path!r} holds {size} of the {member.size} bytes it declares")
    if crc != member.crc:
        raise bad_zip(f"member {member.path!r} has a wrong CRC-32")


def _data_start(header: bytes | memoryview, member: Member) -> int:
    """Where the data begin, relative to the local header."""
    if len(header) < LOCAL_HEADER_BYTES or bytes(header[:4]) != b"PK\x03\x04":
        raise bad_zip(f"member {member.path!r} has no local header")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = LOCAL_HEADER_BYTES + lengths
    if member.offset + start + member.packed > member.end:
        raise bad_zip(f"member {member.path!r} overlaps with what follows it")
    return start


def _inflate_small(block: memoryview, member: Member) -> bytes | memoryview:
    start = _data_start(block, member)
    packed = block[start : start + member.packed]
    if len(packed) < member.packed:
        raise bad_zip("it is cut off")
    data: bytes | memoryview = packed
    if member.method != STORED:
        inflater = CODEC.inflater()
        try:
            data = inflater.decompress(packed, member.size + 1)
        except CODEC.error:
            raise bad_zip(f"member {member.path!r} can't be unpacked") from None
    _verify(member, len(data), CODEC.crc32(data))
    return data


def _packed(fd: int, member: Member) -> Iterator[bytes]:
    at = member.offset + _data_start(os.pread(fd, LOCAL_HEADER_BYTES, member.offset), member)
    left = member.packed
    while left:
        chunk = os.pread(fd, min(CHUNK, left), at)
        if not chunk:
            raise bad_zip("it is cut off")
        at, left = at + len(chunk), left - len(chunk)
        yield chunk


def _inflated(fd: int, member: Member) -> Iterator[bytes]:
    """The content of a member in chunks of at most CHUNK bytes."""
    if member.method == STORED:
        yield from _packed(fd, member)
        return
    inflater = CODEC.inflater()
    try:
        for chunk in _packed(fd, member):
            data = inflater.decompress(chunk, CHUNK)
            while data:
                yield data
                data = b"" if inflater.eof else inflater.decompress(inflater.unconsumed_tail, CHUNK)
            if inflater.eof:
                return
    except CODEC.error:
        raise bad_zip(f"member {member.path!r} can't be unpacked") from None
    raise bad_zip(f"member {member.path!r} ends in the middle of its data")


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write a buffer to its end. Raises OSError."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])
