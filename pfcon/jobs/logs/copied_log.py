"""Appends to the copy of a log; goes on where another process stopped."""

import os
import re
from dataclasses import replace
from pathlib import Path

from pfcon.compute.kept_log import FIRST, read_at
from pfcon.compute.log_writer import KeptLog
from pfcon.files.closing import Closing
from pfcon.files.flags import DIRECTORY, GUARDED, READ
from pfcon.jobs.logs.store import STATE, State, read_state, write_state

SAVED = 1024 * 1024  # bytes that are written, at most, before the state is
_NEXT = re.compile(rf"{FIRST}\.(\d{{1,18}})", re.ASCII)


class CopiedLog(Closing):
    """The copy in a directory, of which the caller has the lock. most: the size limit, in bytes. Methods raise OSError.

    Bytes count once the state is written, after them. What a crash has left beyond that is cut off at first: it comes
    again from the engine, at the same offsets.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most
        self._directory = os.open(path, DIRECTORY)
        try:
            self.state = read_state(self._directory)
            self._log = _Resumed(self._directory, most, self.state.total)
        except BaseException:
            os.close(self._directory)
            raise
        self._next = self.state  # to be written

    def close(self) -> None:
        """Close the files; does not write the state."""
        os.close(self._log.file)
        os.close(self._directory)

    @property
    def cursor(self) -> str | None:
        """Where to go on at the engine. None: not known; then what comes next takes the place of all that is kept."""
        return self._next.cursor

    @property
    def total(self) -> int:
        """The bytes of the log."""
        return self._next.total

    def append(self, data: bytes, cursor: str, *, new_line: bool = False) -> None:
        """Append to the log; if ``new_line``, not to its last line. cursor: after these bytes.

        After an error, nothing more can be appended, and only what was appended before counts.
        """
        if self.cursor is None:
            if not data:
                return
            self._begin_again()
        self._log.append(b"\n" + data if new_line and not self._log.ends_with_line else data)
        self._next = State(cursor, self._log.total)
        if self.total - self.state.total >= SAVED:
            self.save()

    def save(self, *, complete: bool = False) -> None:
        """Write the state. complete: nothing follows."""
        self._next = replace(self._next, complete=complete)
        if self._next == self.state and self.total:
            os.utime(self._path / STATE)  # it shows when the engine was asked
            return
        if complete:
            self._log.synchronize()
        write_state(self._path, self._next)
        self.state = self._next

    def _begin_again(self) -> None:
        self.state = self._next = State()
        write_state(self._path, self.state)
        os.close(self._log.file)
        self._log = _Resumed(self._directory, self._most, 0)


class _Resumed(KeptLog):
    """A KeptLog that goes on after ``total`` bytes. ends_with_line: whether the last byte ends a line."""

    def __init__(self, directory: int, most: int, total: int) -> None:
        self.directory = directory
        self.first, self.part = most // 2, max(1, most // 4)
        self.total = total
        starts = sorted(filter(None, map(_start, os.listdir(directory))))
        for start in starts:
            if start >= total:
                os.unlink(_name(start), dir_fd=directory)
        self.names = [_name(start) for start in starts if start < total]
        start = starts[len(self.names) - 1] if self.names else 0
        self.file = os.open(_name(start), os.O_WRONLY | os.O_APPEND | os.O_CREAT | GUARDED, 0o600, dir_fd=directory)
        written = os.fstat(self.file).st_size
        if start + written > total:
            written = total - start
            os.ftruncate(self.file, written)
        room = (self.part if start else self.first) - written
        self.left = max(0, room) if start + written == total else 0  # a power failure may have lost the end of a file
        self.ends_with_line = read_at(directory, max(0, total - 1), 1).data in (b"", b"\n")

    def append(self, block: bytes) -> None:
        """See KeptLog."""
        super().append(block)
        self.ends_with_line = block.endswith(b"\n") if block else self.ends_with_line

    def synchronize(self) -> None:
        """Have the kernel write the files to the disk."""
        for name in {FIRST, *self.names}:
            file = os.open(name, READ, dir_fd=self.directory)
            try:
                os.fsync(file)
            finally:
                os.close(file)


def _name(start: int) -> str:
    return f"{FIRST}.{start}" if start else FIRST


def _start(name: str) -> int | None:
    found = _NEXT.fullmatch(name)
    return int(found[1]) if found else None
