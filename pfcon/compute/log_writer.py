"""Appends to a log of which only the first and the last part are kept; ``kept_log`` reads it.

Uses only the standard library: it is a part of the supervisor.
"""

from __future__ import annotations

import os


class KeptLog:
    """Appends to the log in an open directory. most: the size limit, in bytes."""

    def __init__(self, directory: int, most: int) -> None:
        self.directory = directory
        self.first, self.part = most // 2, max(1, most // 4)
        self.file = os.open("log", os.O_WRONLY | os.O_APPEND, dir_fd=directory)
        self.total = os.fstat(self.file).st_size  # bytes written so far
        self.left = max(0, self.first - self.total)  # bytes until the current file is full
        self.names: list[str] = []  # of the files of the last part

    def append(self, block: bytes) -> None:
        """Append to the log. Raises OSError: then a part of the block is lost, and the next call continues."""
        while block:
            if not self.left:
                self.rotate()
            done = os.write(self.file, block[: self.left])
            self.total += done
            self.left -= done
            block = block[done:]

    def rotate(self) -> None:
        """Begin the next file; of the older files of the last part, only the latest is kept."""
        name = f"log.{self.total}"
        file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600, dir_fd=self.directory)
        os.close(self.file)
        self.file, self.left = file, self.part
        self.names.append(name)
        while len(self.names) > 2:
            os.unlink(self.names.pop(0), dir_fd=self.directory)
