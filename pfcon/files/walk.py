"""Walks directory trees that hostile jobs may be changing, without ever leaving them.

Each name is opened relative to an open directory, without following symbolic links. So replacing a directory by a link
during a walk has no effect. A limited number of directories is open at a time.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pfcon.errors import Absent
from pfcon.files.closing import Closing
from pfcon.files.descent import Descent, UnreadableTreeError, shown_path
from pfcon.files.faults import MISSING
from pfcon.files.flags import DIRECTORY, READ
from pfcon.files.owned import open_owned, open_owned_directory
from pfcon.models import LINK_SUFFIX

MAX_DEPTH = 10_000  # directories: the path of each file is built again, and has up to 2.5 MB at this depth


class TreeFile(NamedTuple):
    """A file that a walk found. path: relative to the root. dir_fd: its directory, valid until the walk's next step.

    Bytes of ``path`` and ``name`` that are not UTF-8 are surrogates, as from ``os.fsdecode``.
    """

    path: str
    dir_fd: int
    name: str


def open_directory(root: Path, below: str = "") -> int:
    """Open the directory ``below`` (a relative path) of ``root``; return the descriptor.

    Symbolic links in ``below``, or as the last component of ``root``, are not followed. Directories of this user are
    opened whatever their mode (see ``open_owned``). Raises Absent when the directory is missing, OSError.
    """
    fd = -1
    try:
        fd = os.open(root, DIRECTORY)
        for part in PurePosixPath(below).parts:
            if part in ("..", "/"):
                raise Absent(f"no directory {below!r}")
            above, fd = fd, open_owned_directory(part, fd)
            os.close(above)
    except OSError as fault:
        if fd >= 0:
            os.close(fd)
        if fault.errno in MISSING:
            raise Absent(f"no directory {below or root.name!r}") from None
        raise
    except Absent:
        os.close(fd)
        raise
    return fd


def open_regular(dir_fd: int, name: str) -> int | None:
    """Open a regular file for reading; return the descriptor. Files of this user are opened whatever their mode.

    Returns None when the file is missing or not a regular file. Raises OSError.
    """
    try:
        fd = open_owned(name, READ, dir_fd)
    except OSError as fault:
        if fault.errno in MISSING or fault.errno == errno.ENXIO:  # ENXIO: a socket
            return None
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _is_output(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False) and not entry.name.endswith(LINK_SUFFIX)


def is_link_file(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry has the name of a ChRIS link, ``*.chrislink``. Only the name is checked."""
    return entry.name.endswith(LINK_SUFFIX)


class FileWalk(Iterator[TreeFile], Closing):
    """The regular files of a tree, except ``*.chrislink``, in no particular order; symbolic links are skipped.

    wanted: selects other entries instead, of any type except directories. deepest: the maximal depth; a deeper tree
    counts as unreadable. most: entries that are looked at, also directories; then the walk ends, and ``was_cut`` is
    true. Memory grows only with the depth. Files that are removed during the walk are skipped. The constructor raises
    Absent (see ``open_directory``); iteration raises UnreadableTreeError. Close it after use.
    """

    def __init__(
        self,
        root: Path,
        below: str = "",
        wanted: "Callable[[os.DirEntry[str]], bool]" = _is_output,
        deepest: int = MAX_DEPTH,
        most: int = sys.maxsize,
    ) -> None:
        self._limit = _Limit(most)
        self._descent = Descent(open_directory(root, below))
        self._files = _run(self._descent, wanted, deepest, self._limit)

    @property
    def was_cut(self) -> bool:
        """Whether the walk has ended before there was nothing left."""
        return self._limit.reached

    def __next__(self) -> TreeFile:
        return next(self._files)

    def close(self) -> None:
        """Close all descriptors. Idempotent."""
        self._files.close()
        self._descent.close()

    def __del__(self) -> None:
        if hasattr(self, "_files"):  # missing when the constructor has failed
            self.close()


class _Limit:
    """Of the number of entries."""

    def __init__(self, most: int) -> None:
        self.left = most
        self.reached = False


def _run(
    descent: Descent, wanted: "Callable[[os.DirEntry[str]], bool]", deepest: int, limit: _Limit
) -> Generator[TreeFile, None, None]:
    def enter(name: str, dir_fd: int) -> int:
        if len(descent.levels) > deepest:
            raise UnreadableTreeError(f"{shown_path(descent.path_of(name))} is more than {deepest} directories deep")
        return open_owned_directory(name, dir_fd)

    def failed(name: str, fault: OSError) -> None:
        raise _unreadable(descent.path_of(name), fault) from fault

    for _ in descent.directories(enter, failed):
        yield from _scan(descent, wanted, limit)
        if limit.reached:
            return


def _scan(descent: Descent, wanted: "Callable[[os.DirEntry[str]], bool]", limit: _Limit) -> Iterator[TreeFile]:
    here = descent.here
    above = ""
    try:
        with os.scandir(here.fd) as entries:
            for entry in entries:
                if not limit.left:
                    limit.reached = True
                    return
                limit.left -= 1
                if entry.is_dir(follow_symlinks=False):
                    descent.schedule(entry.name)
                elif wanted(entry):
                    above = above or descent.path_of()
                    path = f"{above}/{entry.name}" if above else entry.name
                    yield TreeFile(path, here.fd, entry.name)
    except OSError as fault:
        raise _unreadable(descent.path_of(), fault) from fault


def _unreadable(path: str, fault: OSError) -> UnreadableTreeError:
    return UnreadableTreeError(f"can't read {shown_path(path)}: {fault.strerror}")
