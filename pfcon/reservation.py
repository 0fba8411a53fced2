"""Reserves space of storeBase's file system before it is used, for all threads and processes of a service.

Each reservation is a file in ``.pfcon/reserved`` with the number of bytes that its holder has not written yet. The
holder locks it (flock(2)) while it is alive; an unlocked file belongs to a dead process and is removed. To sum up all
files, read the free space and create another file is atomic, under a lock. Only locks are required of the file system:
fallocate(2) is not available on every NFS, and can't reserve space for the files of a zip.

Space that is used, but not yet subtracted from the file system's free space, is not noticed: on NFS, before a client's
writes reach the server. Holders report what they have written, so that these bytes do not count twice for long.
"""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator

from pfcon.errors import StorageFull
from pfcon.files.closing import Closing
from pfcon.files.faults import is_full
from pfcon.files.locks import locked, try_lock, wait_for_lock
from pfcon.paths import StoreBase
from pfcon.units import human_bytes

STEP = 64 << 20  # bytes: how much is reserved at a time for a growing file
_UPDATE = 8 << 20  # bytes written between two updates of the file
_NUMBER = 8  # bytes: size of a reservation's file
_PREFIX = "reserved-"


class Reservation(Closing):
    """A context manager; at its end, the rest of the reservation is released. Thread-safe.

    free_bytes: how much must stay free (PFCON_MIN_FREE_BYTES); 0 disables reservation and checks.
    """

    def __init__(self, storebase: StoreBase, free_bytes: int) -> None:
        self._storebase, self._must_stay = storebase, free_bytes
        self._fd = -1
        self._path = ""
        self._left = self._recorded = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Release the rest of the reservation. Idempotent."""
        with self._lock:
            if self._fd >= 0:
                with contextlib.suppress(OSError):  # others remove it, since it is not locked any more
                    os.unlink(self._path)
                os.close(self._fd)
                self._fd = -1

    def reserve(self, size: int, what: str) -> None:
        """Reserve ``size`` more bytes. what: subject of the error message, a plural. Raises StorageFull, OSError."""
        if self._must_stay and size > 0:
            with self._lock:
                self._reserve(size, size, what)

    def ensure(self, size: int, what: str, *, at_most: int = STEP) -> None:
        """Ensure that ``size`` bytes are reserved for the next writes; otherwise reserve STEP bytes more, if possible.

        at_most: upper limit of the bytes still needed. what, errors: see ``reserve``.
        """
        if self._must_stay:
            with self._lock:
                if size > self._left:
                    self._reserve(size - self._left, max(size, min(STEP, at_most)) - self._left, what)

    def check(self, size: int, what: str) -> None:
        """Check that ``size`` bytes could be reserved now. Raises StorageFull, OSError."""
        if self._must_stay:
            with _exclusive(self._storebase) as directory:
                self._room(directory, size, what)

    def record_written(self, size: int) -> None:
        """Record that ``size`` of the reserved bytes were written. Raises OSError."""
        if self._must_stay:
            with self._lock:
                self._left = max(0, self._left - size)
                if self._recorded - self._left >= _UPDATE:
                    self._update()

    def _update(self) -> None:
        os.pwrite(self._fd, self._left.to_bytes(_NUMBER, "little"), 0)
        self._recorded = self._left

    def _room(self, directory: str, least: int, what: str) -> int:
        others = _outstanding(directory, self._path)
        free = self._storebase.free_bytes()
        room = free - others - self._left - self._must_stay
        if room < least:
            raise _full(what, least, free, others, self._must_stay)
        return room

    def _reserve(self, least: int, wanted: int, what: str) -> None:
        try:
            with _exclusive(self._storebase) as directory:
                room = self._room(directory, least, what)
                if self._fd < 0:
                    self._fd, self._path = tempfile.mkstemp(dir=directory, prefix=_PREFIX)
                    wait_for_lock(self._fd)
                self._left += max(least, min(wanted, room))
                self._update()
        except OSError as fault:
            if is_full(fault):  # no inodes, or a quota
                raise StorageFull(f"{what} need {least} bytes: {fault.strerror}") from fault
            raise


@contextlib.contextmanager
def _exclusive(storebase: StoreBase) -> Iterator[str]:
    directory = storebase.private_dir("reserved")
    with locked(directory / "lock", timeout=None):
        yield str(directory)


def _outstanding(directory: str, mine: str) -> int:
    """Return the bytes that other holders have reserved and not written yet. Removes files of dead processes."""
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.path != mine:
                total += _look(entry.path)
    return total


def _look(path: str) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # its holder has just released it
        return 0
    try:
        if not try_lock(fd):
            return int.from_bytes(os.pread(fd, _NUMBER, 0), "little")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return 0
    finally:
        os.close(fd)


def _full(what: str, needed: int, free: int, others: int, must_stay: int) -> StorageFull:
    reserved = f", of which {human_bytes(others)} are reserved by others" if others else ""
    return StorageFull(
        f"{what} need {human_bytes(needed)} ({needed} bytes); storeBase has {human_bytes(free)} free ({free} bytes)"
        f"{reserved}, and {human_bytes(must_stay)} must stay free (PFCON_MIN_FREE_BYTES)"
    )
