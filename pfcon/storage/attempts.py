"""Attempts to stage a job's inputs: the directories that they use, and the disk space that they may use."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pfcon.errors import StorageFull
from pfcon.files.closing import Closing
from pfcon.files.faults import free_bytes
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.paths import JobDir, StoreBase
from pfcon.reservation import Reservation
from pfcon.units import human_bytes


class StagingAttempt(NamedTuple):
    """The new directory of this attempt, and the directories of earlier attempts, which did not complete."""

    partial: Path
    earlier: list[Path]


def check_not_staged(job: JobDir) -> None:
    """Raise OSError if the job already has staged inputs."""
    if os.path.lexists(job.incoming):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(job.incoming))


@contextlib.contextmanager
def staging_attempt(job: JobDir) -> Iterator[StagingAttempt]:
    """Create a directory to stage in. At the end of the context, the directories of earlier attempts are removed.

    After an error all directories are kept for the next attempt, except a new one that is empty. Raises OSError, also
    if the job already has staged inputs.
    """
    check_not_staged(job)
    existed = os.path.lexists(job.path)
    earlier = job.earlier_attempts()
    partial = job.new_partial()
    try:
        yield StagingAttempt(partial, earlier)
    except BaseException:  # also when the worker is asked to exit
        with contextlib.suppress(OSError):  # not empty: the next attempt reuses its files
            partial.rmdir()
            if not existed:
                job.path.rmdir()
        raise
    for path in earlier:
        with contextlib.suppress(OSError, NotRemovedError):  # it is removed with the job's directory
            remove_tree(path)


def _is_seen(storebase: StoreBase, place: Path) -> bool:
    """Return whether this process can access the service's own directory, on the file system of ``place``."""
    try:
        return os.stat(storebase.private).st_dev == os.stat(place).st_dev
    except OSError:
        return False


class DiskQuota(Closing):
    """The disk space that staging may use: ``reserve`` bytes must stay free (0: no limit). Thread-safe. A context.

    Space is reserved in steps, together with all other writers to storeBase. A process that can't access the
    reservations, as in a container that has only the job's directory, compares with the free space of the disk.
    """

    def __init__(self, storebase: StoreBase, place: Path, reserve: int) -> None:
        self._place, self._reserve = place, reserve
        self._reservation = Reservation(storebase, reserve) if _is_seen(storebase, place) else None
        self._left, self._asked = 0, 0.0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Reserve ``size`` bytes, which the caller writes next. Raises StorageFull."""
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
                        f"the inputs do not fit: {human_bytes(free)} are free, {human_bytes(self._reserve)} must stay"
                        f" free (PFCON_MIN_FREE_BYTES), and {human_bytes(size)} are needed next"
                    )
            self._left -= size

    def close(self) -> None:
        """Release the reservation. Idempotent."""
        if self._reservation is not None:
            self._reservation.close()
