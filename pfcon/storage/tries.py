"""The directories that tries of staging leave and take up, and the room that they may fill."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pfcon.errors import StorageFull
from pfcon.files.closing import Closing
from pfcon.files.faults import free_bytes
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.paths import JobDir, StoreBase
from pfcon.reservation import Reservation
from pfcon.units import human_bytes


def check_not_staged(job: JobDir) -> None:
    """Raises OSError when the job has staged inputs already."""
    if os.path.lexists(job.incoming):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(job.incoming))


@contextlib.contextmanager
def staging_try(job: JobDir) -> Iterator[tuple[Path, list[Path]]]:
    """A new directory to stage in, and those of earlier tries, which are removed at the end.

    After an error all of them stay for the next try; where no file was staged, nothing does. Raises OSError, also
    when the job has staged inputs already.
    """
    check_not_staged(job)
    existed = os.path.lexists(job.path)
    earlier = job.earlier_attempts()
    partial = job.new_partial()
    try:
        yield partial, earlier
    except BaseException:  # also a worker that is told to exit
        with contextlib.suppress(OSError):  # not empty: the next try goes on from there
            partial.rmdir()
            if not existed:
                job.path.rmdir()
        raise
    for path in earlier:
        with contextlib.suppress(OSError, NotRemovedError):  # it goes with the job's directory
            remove_tree(path)


def _is_seen(storebase: StoreBase, place: Path) -> bool:
    """Whether this process sees the service's own directory, on the file system of ``place``."""
    try:
        return os.stat(storebase.private).st_dev == os.stat(place).st_dev
    except OSError:
        return False


class Room(Closing):
    """The disk's free space, of which ``reserve`` bytes must stay free (0: no limit). A context.

    What is asked for is reserved in steps among all that write to storeBase; where this process can't see them, as a
    container that has a job's directory alone, what is free counts.
    """

    def __init__(self, storebase: StoreBase, place: Path, reserve: int) -> None:
        self._place, self._reserve = place, reserve
        self._reservation = Reservation(storebase, reserve) if _is_seen(storebase, place) else None
        self._left, self._asked = 0, 0.0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Ask for so many bytes, which are written next. Raises StorageFull."""
        if not self._reserve:
            return
        if (reservation := self._reservation) is not None:
            try:
                reservation.ensure(size, "the next of the inputs")
                reservation.record_written(size)
            except OSError as fault:
                if fault.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                self._reservation = None
            else:
                return
        with self._lock:
            if size > self._left or time.monotonic() - self._asked > 1:
                free = free_bytes(self._place)
                self._left, self._asked = free - self._reserve, time.monotonic()
                if size > self._left:
                    raise StorageFull(
                        f"the inputs do not fit: of {human_bytes(free)} free disk space {human_bytes(self._reserve)}"
                        f" must stay free (PFCON_MIN_FREE_BYTES), and {human_bytes(size)} are to be copied next"
                    )
            self._left -= size

    def close(self) -> None:
        """Release what is reserved. Idempotent."""
        if self._reservation is not None:
            self._reservation.close()
