"""Traverses a directory tree by directory descriptors, of which a limited number is open at a time."""

import os
import uuid
from collections.abc import Callable, Iterator

from pfcon.compact import NameStack
from pfcon.errors import PfconError
from pfcon.files.faults import MISSING
from pfcon.files.flags import DIRECTORY

_SHOWN = 300  # characters of a path in a message
_KEPT_OPEN = 32  # directories; in deeper trees, ".." is opened again on the way up, and checked


class UnreadableTreeError(PfconError):
    """A directory or file of a tree can't be read; the message names it. The tree must not count as complete."""

    status = 503


def shown_path(path: str) -> str:
    """Return a path for messages: quoted, and shortened to 300 characters."""
    return repr(path if len(path) <= _SHOWN else path[:_SHOWN] + "…")


class Level:
    """An ancestor of the present directory, or that itself. left: number of its subdirectories still to be entered."""

    __slots__ = ("device", "fd", "inode", "left", "name", "retried")

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd  # -1 while it is closed
        self.name = name
        self.left = 0
        self.retried: str | None = None  # the last subdirectory that was entered twice
        found = os.fstat(fd)
        self.device, self.inode = found.st_dev, found.st_ino


class Descent:
    """The path of directories from a root to the present one. fd: the root's descriptor; ``close`` closes it.

    The names of subdirectories still to be entered are stored on disk when there are many.
    """

    def __init__(self, fd: int) -> None:
        self.levels = [Level(fd, "")]
        self._names = NameStack()
        self._prefix = f".{uuid.uuid4().hex}."
        self._moved = self._next_moved = 1  # numbers for names of directories that were moved up

    @property
    def here(self) -> Level:
        """The present directory."""
        return self.levels[-1]

    def schedule(self, name: str) -> None:
        """Schedule a subdirectory of the present directory to be entered. Raises OSError."""
        self._names.push(name)
        self.here.left += 1

    def next(self) -> str | None:
        """Return a scheduled subdirectory of the present directory; None when none is left. Raises OSError."""
        if not self.here.left:
            return None
        self.here.left -= 1
        return self._names.pop()

    def move_up(self, name: str) -> bool:
        """Move a subdirectory into the first directory below the root, which stays open. Return False on failure."""
        to = f"{self._prefix}{self._moved}"
        try:
            os.rename(name, to, src_dir_fd=self.here.fd, dst_dir_fd=self.levels[1].fd)
        except OSError:
            return False
        self._moved += 1
        return True

    def next_moved(self) -> str | None:
        """Return a directory that was moved up; None when none is left or the present directory is not their parent."""
        if len(self.levels) != 2 or self._next_moved == self._moved:
            return None
        self._next_moved += 1
        return f"{self._prefix}{self._next_moved - 1}"

    def path_of(self, name: str = "") -> str:
        """Return the path, relative to the root, of a name in the present directory; "": of the directory itself."""
        parts = [level.name for level in self.levels[1:]]
        return "/".join([*parts, name] if name else parts)

    def enter(self, name: str, fd: int) -> None:
        """Make a subdirectory the present directory. fd: its descriptor. Raises OSError; then nothing has changed."""
        below = Level(fd, name)
        if len(self.levels) >= _KEPT_OPEN:
            os.close(self.here.fd)
            self.here.fd = -1
        self.levels.append(below)

    def directories(
        self, open_below: Callable[[str, int], int], failed: Callable[[str, OSError], None]
    ) -> Iterator[None]:
        """Traverse the tree: each step makes another directory the present one, the root first.

        Subdirectories that ``schedule`` was called for are entered. open_below: called with a name and its directory's
        descriptor; returns a new descriptor. failed: called when that raises OSError, unless the name was removed or
        replaced. Raises what these two and ``leave`` raise.
        """
        yield
        while self.levels:
            name = self.next()
            if name is None:
                self.leave()
                continue
            try:
                self.enter(name, open_below(name, self.here.fd))
            except OSError as fault:
                if fault.errno not in MISSING:
                    failed(name, fault)
                continue
            yield

    def leave(self) -> str:
        """Go to the parent directory; return the name of the directory that was left.

        Raises UnreadableTreeError when that directory was moved during the walk, OSError.
        """
        left = self.levels.pop()
        for _ in range(left.left):  # not all of its subdirectories were entered
            self._names.pop()
        try:
            if self.levels and self.here.fd < 0:
                up = os.open("..", DIRECTORY, dir_fd=left.fd)
                found = os.fstat(up)
                if (found.st_dev, found.st_ino) != (self.here.device, self.here.inode):
                    os.close(up)
                    raise UnreadableTreeError(f"directory {self.path_of(left.name)!r} was moved while it was read")
                self.here.fd = up
        finally:
            os.close(left.fd)
        return left.name

    def close(self) -> None:
        """Close all descriptors. Idempotent."""
        self._names.close()
        while self.levels:
            fd = self.levels.pop().fd
            if fd >= 0:
                os.close(fd)
