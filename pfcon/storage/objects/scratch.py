"""Files that are not complete, in a directory of their own beside the tree that they are for."""

import itertools
import os
from contextlib import suppress
from pathlib import Path

from pfcon.files.closing import Closing
from pfcon.files.flags import DIRECTORY


class ScratchFile(Closing):
    """An open file, and a context. ``move`` makes it complete; until then ``close`` removes it. Both are repeatable."""

    def __init__(self, directory: int, name: str) -> None:
        self._directory = directory
        self._name: str | None = name
        self.fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=directory)
        os.fchmod(self.fd, 0o644)  # whatever the umask is: jobs of other users read it

    def move(self, directory: int, name: str) -> None:
        """Give it its place. Raises OSError."""
        if self._name is not None:
            os.rename(self._name, name, src_dir_fd=self._directory, dst_dir_fd=directory)
            self._name = None

    def close(self) -> None:
        """Give back the descriptor; a file that is not complete is removed."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._name is not None:
            with suppress(OSError):  # it goes with its directory
                os.unlink(self._name, dir_fd=self._directory)
            self._name = None


class Scratch(Closing):
    """A context: a directory of such files, for several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = os.open(directory, DIRECTORY)
        self._numbers = itertools.count()

    def close(self) -> None:
        """Give back the directory; call it once."""
        os.close(self._directory)

    def open(self) -> ScratchFile:
        """A new file. Raises OSError."""
        return ScratchFile(self._directory, str(next(self._numbers)))
