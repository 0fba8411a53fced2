"""The file of the audit lines. What can't be written to it is in the log instead: no job depends on this file."""

import contextlib
import logging
import os
import tempfile
import time
from pathlib import Path

MODE = 0o640  # it tells who ran what on whose data
WARNED = 60.0  # seconds between two lines about a file that can't be written
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
log = logging.getLogger(__name__)


def require_writable(path: Path) -> None:
    """Raise OSError if this user can't write to the file, or make it. It is not made."""
    try:
        os.close(os.open(path, _FLAGS & ~os.O_CREAT))
    except FileNotFoundError:
        with tempfile.TemporaryFile(dir=path.parent):
            pass


class AuditFile(logging.Handler):
    """Appends each line to a file that may be renamed or deleted at any time: it is opened for each line.

    Raises OSError, when it is made, if the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._warned_at = float("-inf")  # monotonic seconds
        os.close(self._open())

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            self._append(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except OSError as fault:
            self._warn(fault)
            logging.getLogger().handle(record)

    def _open(self) -> int:
        return os.open(self._path, _FLAGS, MODE)

    def _append(self, line: bytes) -> None:
        """Write a whole line or nothing, also beside other processes. Raises OSError."""
        descriptor = self._open()
        try:
            written = os.write(descriptor, line)
            if written < len(line):  # as when the disk is full; then nobody else can have written after it
                _take_back(descriptor, written)
                raise OSError("only a part of the line could be written")
        finally:
            os.close(descriptor)

    def _warn(self, fault: OSError) -> None:
        now = time.monotonic()
        if now - self._warned_at >= WARNED:
            self._warned_at = now
            log.error("audit lines are in the log, for %s can't be written: %s", self._path, fault.strerror or fault)


def _take_back(descriptor: int, written: int) -> None:
    with contextlib.suppress(OSError):  # no regular file, or one that may only be appended to
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if os.fstat(descriptor).st_size == end:
            os.ftruncate(descriptor, end - written)
