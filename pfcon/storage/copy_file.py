"""Copies one file in the cheapest way that the file system has; later changes of the original do not change the copy.

A copy is written from its start to its end, and gets the original's mtime last. So a file with the size and mtime of
its original is complete, even if the copying process was killed.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Iterator

from pfcon.errors import Refused
from pfcon.files.faults import is_full
from pfcon.files.writing import write_all

SMALL = 256 << 10  # bytes; files up to this size are read with one call
# Bytes of one copy_file_range, about a second; in steps of 64 MiB, ext4 of Linux 6.18 takes three times as long.
STEP = 2 << 30
RESERVED = 64 << 20  # bytes; for files of this size and more, space is allocated first: a third less time for 4 GiB
_CHUNK = 256 << 10  # of pread and pwrite; 1 MiB is five times slower on ext4 of Linux 6.18
_FICLONE = 0x40049409  # ioctl_ficlonerange(2)
_UNSUPPORTED = frozenset({errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENOTTY, errno.EPERM})


_FALLOC_FL_KEEP_SIZE = 1


def _find_fallocate() -> Callable[[int, int, int, int], int]:
    found = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if found is None:
        return lambda *_: -1
    found.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    call: Callable[[int, int, int, int], int] = found
    return call


_fallocate = _find_fallocate()


def reserve(target: int, size: int) -> bool:
    """Allocate ``size`` bytes for a file without changing its size (fallocate(2)); return whether this is supported.

    os.posix_fallocate would write zeros on a file system without support. Raises OSError for a full disk.
    """
    if _fallocate(target, _FALLOC_FL_KEEP_SIZE, 0, size) == 0:
        return True
    code = ctypes.get_errno()
    if is_full(fault := OSError(code, os.strerror(code))):
        raise fault
    return False


class Unsteady(Exception):
    """A file changed while it was copied."""


class FileCopier:
    """Copies files within one file system, or between two; remembers which calls these do not support.

    ``reserve(n)`` is called before n bytes of disk space are used, and raises if they are not available. For files
    above SMALL, ``step(n)`` is called after every n copied bytes, and may raise to stop.
    """

    def __init__(self, step: Callable[[int], None], reserve: Callable[[int], None]) -> None:
        self._step, self._reserve = step, reserve
        self.can_clone = self.can_copy_range = self.can_reserve = True

    def copy(self, source: int, found: os.stat_result, target: int, path: str) -> int:
        """Copy the content and the mtime of ``source`` to an empty file. ``found``: the current stat of ``source``.

        Returns the size in bytes. Raises Refused, which names ``path``, for a file that keeps changing; OSError.
        """
        for _ in range(2):
            try:
                if found.st_size <= SMALL:
                    self._whole(source, found.st_size, target)
                else:
                    self._large(source, found, target)
            except Unsteady:
                os.ftruncate(target, 0)
                os.lseek(target, 0, os.SEEK_SET)
                found = os.fstat(source)
                continue
            os.utime(target, ns=(found.st_mtime_ns, found.st_mtime_ns))
            return found.st_size
        raise Refused(f"{path!r} changes while it is copied; try again once it is complete")

    def _whole(self, source: int, size: int, target: int) -> None:
        data = os.pread(source, size + 1, 0)
        if len(data) != size:
            raise Unsteady
        self._reserve(size)
        if data:
            write_all(target, data)

    def _large(self, source: int, found: os.stat_result, target: int) -> None:
        if not self._cloned(source, target):
            self._reserve(found.st_blocks * 512)
            if self.can_reserve and found.st_blocks * 512 >= found.st_size >= RESERVED:
                self.can_reserve = reserve(target, found.st_size)
            for start, end in _data(source, found):
                self._range(source, start, end, target)
            os.ftruncate(target, found.st_size)  # a hole at the end
        now = os.fstat(source)
        same = (now.st_size, now.st_mtime_ns) == (found.st_size, found.st_mtime_ns)
        if not same or os.fstat(target).st_size != found.st_size:
            raise Unsteady

    def _cloned(self, source: int, target: int) -> bool:
        if self.can_clone:
            try:
                fcntl.ioctl(target, _FICLONE, source)
            except OSError as fault:
                if fault.errno not in _UNSUPPORTED:
                    raise
                self.can_clone = False
        return self.can_clone

    def _range(self, source: int, at: int, end: int, target: int) -> None:
        while at < end:
            if self.can_copy_range:
                try:
                    done = os.copy_file_range(source, target, min(STEP, end - at), at, at)
                except OSError as fault:
                    if fault.errno not in _UNSUPPORTED:
                        raise
                    self.can_copy_range = False
                    continue
            else:
                done = os.pwrite(target, os.pread(source, min(_CHUNK, end - at), at), at)
            if not done:
                raise Unsteady
            at += done
            self._step(done)


def _data(source: int, found: os.stat_result) -> Iterator[tuple[int, int]]:
    """Yield the parts of a file that contain data (no holes), in order, as (start, end) in bytes."""
    at = 0
    while at < found.st_size:
        end = found.st_size
        if found.st_blocks * 512 < found.st_size:
            try:
                at = os.lseek(source, at, os.SEEK_DATA)
                end = min(os.lseek(source, at, os.SEEK_HOLE), end)
            except OSError as fault:
                if fault.errno == errno.ENXIO:  # a hole up to the end of the file: lseek(2)
                    return
                if fault.errno != errno.EINVAL:
                    raise
        if at < end:
            yield at, end
        at = max(end, at + 1)
