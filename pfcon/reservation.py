"""Space of storeBase's file system that is reserved before it is used, among all threads and processes of a service.

Each reservation is a file in ``.pfcon/reserved`` that says how many bytes its holder has yet to write, locked
(flock(2)) as long as it lives: one that nobody locks is a dead process's, and is removed. Looking at all of them, at
what is free, and making another are one step under a lock. So it needs nothing of the file system but locks:
fallocate(2) does not exist on every NFS, and can't reserve space for the files of a zip at all.

What a file system has promised, but not taken from what it calls free yet, is not seen: NFS before a client's writes
reach the server. Holders report what they have written, so that nothing counts twice for long.
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

STEP = 64 << 20  # bytes of one reservation for what grows
_UPDATE = 8 << 20  # bytes written until the file is updated for others
_NUMBER = 8  # bytes of a reservation's file
_PREFIX = "reserved-"


class Reservation(Closing):
    """A context; its end releases what is left. Thread-safe.

    free_bytes: what must stay free (PFCON_MIN_FREE_BYTES); 0 reserves nothing and refuses nothing.
    """

    def __init__(self, storebase: StoreBase, free_bytes: int) -> None:
        self._storebase, self._must_stay = storebase, free_bytes
        self._fd = -1
        self._path = ""
        self._left = self._recorded = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Release what is left. Idempotent."""
        with self._lock:
            if self._fd >= 0:
                with contextlib.suppress(OSError):  # others remove it: nobody locks it any more
                    os.unlink(self._path)
                os.close(self._fd)
                self._fd = -1

    def reserve(self, size: int, what: str) -> None:
        """Have so many bytes more. ``what`` needs them, in the plural. Raises StorageFull, OSError."""
        if self._must_stay and size > 0:
            with self._lock:
                self._reserve(size, size, what)

    def ensure(self, size: int, what: str, *, at_most: int = STEP) -> None:
        """Have so many bytes for what is written next: of what is reserved, or more, in steps. See ``reserve``.

        at_most: bytes that all that is yet to come can need.
        """
        if self._must_stay:
            with self._lock:
                if size > self._left:
                    self._reserve(size - self._left, max(size, min(STEP, at_most)) - self._left, what)

    def check(self, size: int, what: str) -> None:
        """Raises StorageFull when so many bytes are not free now, OSError. Nothing is reserved."""
        if self._must_stay:
            with _exclusive(self._storebase) as directory:
                self._room(directory, size, what)

    def record_written(self, size: int) -> None:
        """So many of the reserved bytes have been written."""
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
    """What others have reserved and not written yet."""
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.path != mine:
                total += _look(entry.path)
    return total


def _look(path: str) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # its holder has just ended
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
