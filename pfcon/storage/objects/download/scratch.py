"""Incomplete files, in a directory of their own beside the tree that they are for."""

import itertools
import os
from contextlib import suppress
from pathlib import Path

from pfcon.files.closing import Closing
from pfcon.files.flags import DIRECTORY


class ScratchFile(Closing):
    """An open file with mode 0644, and a context. ``close`` removes it unless ``move`` was called before.

    ``fd`` is its descriptor. Both methods are idempotent.
    """

    def __init__(self, directory: int, name: str) -> None:
        self._directory = directory
        self._name: str | None = name
        self.fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=directory)
        os.fchmod(self.fd, 0o644)  # whatever the umask is: jobs of other users read it

    def move(self, directory: int, name: str) -> None:
        """Rename the complete file to ``name`` in the directory of that descriptor. Atomic. Raises OSError."""
        if self._name is not None:
            os.rename(self._name, name, src_dir_fd=self._directory, dst_dir_fd=directory)
            self._name = None

    def close(self) -> None:
        """Close the descriptor; remove the file if it was not moved."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._name is not None:
            with suppress(OSError):  # it is removed with its directory
                os.unlink(self._name, dir_fd=self._directory)
            self._name = None


class Scratch(Closing):
    """A directory of such files. Thread-safe. A context."""

    def __init__(self, directory: Path) -> None:
        self._directory = os.open(directory, DIRECTORY)
        self._numbers = itertools.count()

    def close(self) -> None:
        """Close the directory's descriptor. Not idempotent."""
        os.close(self._directory)

    def open(self) -> ScratchFile:
        """Create a file. Raises OSError."""
        return ScratchFile(self._directory, str(next(self._numbers)))
