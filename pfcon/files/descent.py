"""Going down and up a directory tree by open directories, a bounded number of them open at a time."""

import os
import uuid
from collections.abc import Callable, Iterator

from pfcon.compact import NameStack
from pfcon.errors import PfconError
from pfcon.files.faults import MISSING
from pfcon.files.flags import DIRECTORY

_SHOWN = 300  # characters of a path in a message
_KEPT_OPEN = 32  # directories; deeper trees are climbed through ".." with a check


class UnreadableTreeError(PfconError):
    """A directory or file of a tree can't be read; the message names it. The tree must not pass as complete."""

    status = 503


def shown_path(path: str) -> str:
    """A path as messages have it: quoted, and shortened where it is long."""
    return repr(path if len(path) <= _SHOWN else path[:_SHOWN] + "…")


class Level:
    """One directory on the way down. ``left``: how many of its subdirectories are still to be entered."""

    __slots__ = ("device", "fd", "inode", "left", "name", "retried")

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd  # -1 while it is closed
        self.name = name
        self.left = 0
        self.retried: str | None = None  # the last subdirectory that was entered a second time
        found = os.fstat(fd)
        self.device, self.inode = found.st_dev, found.st_ino


class Descent:
    """The directories from a root to the present one. Owns ``fd``, the root's descriptor.

    NameStack of subdirectories that are still to be entered wait on disk where they are many.
    """

    def __init__(self, fd: int) -> None:
        self.levels = [Level(fd, "")]
        self._names = NameStack()
        self._prefix = f".{uuid.uuid4().hex}."
        self._moved = self._next_moved = 1  # numbers of directories that were moved up

    @property
    def here(self) -> Level:
        """The present directory."""
        return self.levels[-1]

    def later(self, name: str) -> None:
        """Let a subdirectory of the present directory wait to be entered. Raises OSError."""
        self._names.push(name)
        self.here.left += 1

    def next(self) -> str | None:
        """Take one of the subdirectories that wait to be entered; None when none is left. Raises OSError."""
        if not self.here.left:
            return None
        self.here.left -= 1
        return self._names.pop()

    def move_up(self, name: str) -> bool:
        """Move a subdirectory into the topmost directory below the root, which stays open. False when that fails."""
        to = f"{self._prefix}{self._moved}"
        try:
            os.rename(name, to, src_dir_fd=self.here.fd, dst_dir_fd=self.levels[1].fd)
        except OSError:
            return False
        self._moved += 1
        return True

    def next_moved(self) -> str | None:
        """Take one of those that were moved up; None when none is left, or another directory is the present one."""
        if len(self.levels) != 2 or self._next_moved == self._moved:
            return None
        self._next_moved += 1
        return f"{self._prefix}{self._next_moved - 1}"

    def path_of(self, name: str = "") -> str:
        """A name in the present directory as a path relative to the root."""
        parts = [level.name for level in self.levels[1:]]
        return "/".join([*parts, name] if name else parts)

    def enter(self, name: str, fd: int) -> None:
        """Go down to a subdirectory, which was opened as ``fd``. Raises OSError and stays."""
        below = Level(fd, name)
        if len(self.levels) >= _KEPT_OPEN:
            os.close(self.here.fd)
            self.here.fd = -1
        self.levels.append(below)

    def directories(
        self, open_below: Callable[[str, int], int], failed: Callable[[str, OSError], None]
    ) -> Iterator[None]:
        """Go through the tree: at each step another directory is the present one, the root first.

        Those of its subdirectories are entered that ``later`` was called for. ``open_below(name, dir_fd)`` opens one;
        ``failed`` is called for one that can't be opened, unless its name was removed or swapped meanwhile. Raises what
        either of them raises, and what ``leave`` does.
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
        """Go up; returns the name of the directory that was left.

        Raises UnreadableTreeError when that directory was moved elsewhere meanwhile, OSError.
        """
        left = self.levels.pop()
        for _ in range(left.left):  # it was left early
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
        """Close what is open. Idempotent."""
        self._names.close()
        while self.levels:
            fd = self.levels.pop().fd
            if fd >= 0:
                os.close(fd)
