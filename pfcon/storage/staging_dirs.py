"""Open directories to stage files in: one in the tree of this attempt, and the same one in earlier attempts."""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pfcon.files.flags import DIRECTORY


class StagingDirs:
    """Descriptors of one staged directory. For one thread; several objects may use the same trees. A context.

    target: the tree of this attempt; no other process may write to it. earlier: the trees of earlier attempts. masked:
    whether the process's umask removes permissions that jobs of other users need on new directories.
    """

    def __init__(self, target: Path, earlier: list[Path], *, masked: bool) -> None:
        self._roots = [os.open(path, DIRECTORY) for path in (target, *earlier)]
        self._masked = masked
        self._path: str | None = None
        self.target = -1
        self.earlier: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        for fd in self._roots:
            os.close(fd)

    def enter(self, path: str) -> None:
        """Open a staged directory, created if missing; ``target`` is its descriptor until the next call.

        ``earlier`` contains the descriptors of the same directory in earlier attempts, if it exists in them. Raises
        OSError.
        """
        if path == self._path:
            return
        self._leave()
        root, *earlier = self._roots
        try:
            self.target = os.open(path or ".", DIRECTORY, dir_fd=root)
        except FileNotFoundError:
            self._make(path)
            self.target = os.open(path, DIRECTORY, dir_fd=root)
        for old in earlier:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.earlier.append(os.open(path or ".", DIRECTORY, dir_fd=old))
        self._path = path

    def _leave(self) -> None:
        for fd in (self.target, *self.earlier):
            if fd >= 0:
                os.close(fd)
        self._path, self.target, self.earlier = None, -1, []

    def _make(self, path: str) -> None:
        root = self._roots[0]
        missing = [path]
        while missing:
            try:
                os.mkdir(missing[-1], 0o755, dir_fd=root)
                if self._masked:
                    os.chmod(missing[-1], 0o755, dir_fd=root)  # noqa: S103 - jobs of other users read it
            except FileExistsError:  # another thread was faster
                pass
            except FileNotFoundError:
                above = missing[-1].rpartition("/")[0]
                if not above:  # the job was deleted
                    raise
                missing.append(above)
                continue
            missing.pop()
