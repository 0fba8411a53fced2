"""Exclusive file locks (flock(2)) for threads and processes. The kernel releases the locks of a dead process."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pfcon.files.flags import LOCK
from pfcon.polling import polls


def try_lock(descriptor: int) -> bool:
    """Lock an open file until its last descriptor is closed. Return False when it is locked. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """Like ``try_lock``, but wait without a time limit until the lock is free. Raises OSError."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextlib.contextmanager
def locked(
    path: Path, timeout: float | None = 0.0, pause: float = 0.1, *, waiting: Callable[[], None] = lambda: None
) -> Iterator[bool]:
    """A context that locks a file. The file is created if missing, readable by this user alone, and not removed.

    The context's value is False when the lock was not free within ``timeout``: then the block runs without the lock.
    timeout, pause: seconds; timeout None: no limit. waiting: called after each failed attempt; may raise to stop.
    Raises OSError.
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
