"""Exclusive locks of files (flock(2)) among threads and processes; the kernel releases those of a process that dies."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pfcon.files.flags import LOCK
from pfcon.polling import polls


def try_lock(descriptor: int) -> bool:
    """Lock an open file, until its last descriptor is closed; False when another has the lock. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """The same, but wait for as long as another has the lock."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextlib.contextmanager
def locked(
    path: Path, timeout: float | None = 0.0, pause: float = 0.1, *, waiting: Callable[[], None] = lambda: None
) -> Iterator[bool]:
    """Hold the lock of a file, which is made where it is missing, readable by this user alone; it stays.

    The context's value is False when another has had the lock for ``timeout`` (seconds; None: no limit): then nothing
    is locked. ``waiting`` is called after each try that failed, and may raise to give up. Raises OSError.
    """
    descriptor = os.open(path, LOCK, 0o600)
    try:
        if timeout is None:
            wait_for_lock(descriptor)
            yield True
        else:
            yield _lock_in_time(descriptor, timeout, pause, waiting)
    finally:
        os.close(descriptor)


def _lock_in_time(descriptor: int, timeout: float, pause: float, waiting: Callable[[], None]) -> bool:
    for _ in polls(timeout, pause):
        if try_lock(descriptor):
            return True
        waiting()
    return False
