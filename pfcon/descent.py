"""Going down and up a directory tree by open directories, a bounded number of them open at a time."""

import os

from pfcon.errors import PfconError

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT_OPEN = 32  # directories; deeper trees are climbed through ".." with a check


class UnreadableTreeError(PfconError):
    """A directory or file of a tree can't be read; the message names it. The tree must not pass as complete."""

    status = 503


class Level:
    """One directory on the way down. ``todo`` names its subdirectories that are still to be entered."""

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd  # -1 while it is closed
        self.name = name
        self.todo: list[str] = []
        self.retried: set[str] = set()
        found = os.fstat(fd)
        self.identity = found.st_dev, found.st_ino


class Descent:
    """The directories from a root to the present one. Owns ``fd``, the root's descriptor."""

    def __init__(self, fd: int) -> None:
        self.levels = [Level(fd, "")]

    @property
    def here(self) -> Level:
        """The present directory."""
        return self.levels[-1]

    def path_of(self, name: str = "") -> str:
        """A name in the present directory as a path relative to the root."""
        parts = [level.name for level in self.levels[1:]]
        return "/".join([*parts, name] if name else parts)

    def enter(self, name: str, fd: int | None = None) -> None:
        """Go down to a subdirectory, which may be open already. Raises OSError and stays."""
        below = Level(os.open(name, DIRECTORY, dir_fd=self.here.fd) if fd is None else fd, name)
        if len(self.levels) >= _KEPT_OPEN:
            os.close(self.here.fd)
            self.here.fd = -1
        self.levels.append(below)

    def leave(self) -> str:
        """Go up and give back the name of what was left.

        Raises UnreadableTreeError when that directory was moved elsewhere meanwhile, OSError.
        """
        left = self.levels.pop()
        try:
            if self.levels and self.here.fd < 0:
                up = os.open("..", DIRECTORY, dir_fd=left.fd)
                found = os.fstat(up)
                if (found.st_dev, found.st_ino) != self.here.identity:
                    os.close(up)
                    raise UnreadableTreeError(f"directory {self.path_of(left.name)!r} was moved while it was read")
                self.here.fd = up
        finally:
            os.close(left.fd)
        return left.name

    def close(self) -> None:
        """Close what is open. Repeatable."""
        while self.levels:
            fd = self.levels.pop().fd
            if fd >= 0:
                os.close(fd)
