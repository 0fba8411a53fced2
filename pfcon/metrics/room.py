"""Reserves the space of the files that prometheus_client maps into memory.

It makes them larger without that. Where no space is left, writing to such a mapping ends the process with SIGBUS: see
mmap(2). /dev/shm of a container has 64 MiB by default, and jobs may fill it.
"""

import errno
import logging
import os
import time
from typing import Any

from prometheus_client import mmap_dict, values

FIRST = 1 << 16  # bytes of a new file, as prometheus_client makes it
RETRY = 60.0  # seconds after which space is looked for again
log = logging.getLogger(__name__)


class ReservedDict(mmap_dict.MmapedDict):
    """A file of counts. What it has no room for is counted in this process only, until there is room.

    Not thread-safe, as its base class: callers hold a lock.
    """

    _lacks_room = False  # of all files; for the log

    def __init__(self, filename: str) -> None:
        self._path = filename
        self._retry_at = 0.0  # monotonic seconds
        self._f: Any = None
        self._positions: dict[str, int] = {}
        self._open()

    def read_value(self, key: str) -> tuple[float, float]:
        """Return a value and its time; zeros if there is no room for it."""
        return super().read_value(key) if self._has(key) else (0.0, 0.0)  # type: ignore[no-untyped-call]

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Write a value, if there is room for it."""
        if self._has(key):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _has(self, key: str) -> bool:
        """Whether the file has a key, or room for it was found."""
        if key in self._positions:
            return True
        if time.monotonic() < self._retry_at or (self._f is None and not self._open()):
            return False
        needed = self._used + 4 + len(key.encode()) + 8 + 16  # a length, the key, its padding, two numbers
        capacity = self._capacity
        while capacity < needed:
            capacity *= 2
        if capacity > self._capacity and not self._reserve(self._f.fileno(), capacity):
            return False
        self._init_value(key)  # type: ignore[no-untyped-call]
        return True

    def _open(self) -> bool:
        """Open the file. A new one gets its name when it has its space: others read all files of the directory."""
        if not os.path.exists(self._path) and not self._make():
            return False
        try:
            super().__init__(self._path)  # type: ignore[no-untyped-call]  # it has no types
        except OSError as fault:
            return self._lacks(fault)
        return True

    def _make(self) -> bool:
        unfinished = f"{self._path}.new"
        try:
            descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                has_room = self._reserve(descriptor, FIRST)
            finally:
                os.close(descriptor)
            if has_room:
                os.rename(unfinished, self._path)
            else:
                os.unlink(unfinished)
        except OSError as fault:
            return self._lacks(fault)
        return has_room

    def _reserve(self, descriptor: int, size: int) -> bool:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as fault:
            return self._lacks(fault)
        return True

    def _lacks(self, fault: OSError) -> bool:
        self._retry_at = time.monotonic() + RETRY
        if not ReservedDict._lacks_room:
            ReservedDict._lacks_room = True
            where = os.path.dirname(self._path)
            log.warning("metrics lack what finds no room in %s: %s", where, fault.strerror or errno.errorcode)
        return False


def install() -> None:
    """Let prometheus_client use it. To be called before the first metric is made."""
    setattr(values, "MmapedDict", ReservedDict)  # noqa: B010 - for mypy it is no name of that module
