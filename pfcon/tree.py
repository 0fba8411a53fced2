"""Directory trees that hostile jobs may be changing: listing and removing them without ever leaving them.

Every step is taken from an open directory to a name in it, without following symbolic links; so a directory that
is swapped for a link meanwhile leads nowhere. Only a bounded number of directories is open at a time.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pfcon.closing import Closing
from pfcon.descent import DIRECTORY, Descent, UnreadableTreeError, shown_path
from pfcon.errors import Absent
from pfcon.models import LINK_SUFFIX

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})  # removed, or swapped for something else, meanwhile
_MAX_TOLD = 20
MAX_DEPTH = 10_000  # directories: each file's path is put together anew, and may have 2.5 MB then
_FLAT_FROM = 256  # directories: what lies deeper is moved up before it is removed


class TreeFile(NamedTuple):
    """A regular file. ``path`` is relative to the walk's root; ``dir_fd`` is valid until the next step of the walk.

    ``path`` and ``name`` hold bytes that are not UTF-8 as surrogates, as ``os.fsdecode`` does.
    """

    path: str
    dir_fd: int
    name: str


class NotRemovedError(Exception):
    """Parts of a tree are left. ``removed`` counts what is gone, ``failures`` names up to 20 of those that stay."""

    def __init__(self, removed: int, failed: int, failures: list[str]) -> None:
        self.removed, self.failed, self.failures = removed, failed, tuple(failures)
        super().__init__(f"could not remove {failed} of {removed + failed} files and directories: {failures[0]}")


def open_directory(root: Path, below: str = "") -> int:
    """Open the directory ``below`` (``/``-separated) of ``root``, following no symbolic link from ``root`` on.

    The last component of ``root`` must not be a link either. Raises Absent when there is no such directory, OSError.
    """
    fd = -1
    try:
        fd = os.open(root, DIRECTORY)
        for part in PurePosixPath(below).parts:
            if part in ("..", "/"):
                raise Absent(f"no directory {below!r}")
            above, fd = fd, os.open(part, DIRECTORY, dir_fd=fd)
            os.close(above)
    except OSError as fault:
        if fd >= 0:
            os.close(fd)
        if fault.errno in _GONE:
            raise Absent(f"no directory {below or root.name!r}") from None
        raise
    except Absent:
        os.close(fd)
        raise
    return fd


def open_regular(dir_fd: int, name: str) -> int | None:
    """Open a file for reading. None when it is gone or is no regular file any more. Raises OSError."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
    except OSError as fault:
        if fault.errno in _GONE or fault.errno == errno.ENXIO:  # ENXIO: a socket
            return None
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _is_output(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False) and not entry.name.endswith(LINK_SUFFIX)


def _is_link_file(entry: "os.DirEntry[str]") -> bool:
    return entry.name.endswith(LINK_SUFFIX)


class FileWalk(Iterator[TreeFile], Closing):
    """The regular files of a tree, except ``*.chrislink``, in no particular order; symbolic links are skipped.

    ``wanted`` chooses others among what is no directory. Memory grows with the depth alone, up to MAX_DEPTH: a deeper
    tree is unreadable. What vanishes meanwhile is skipped. The constructor raises Absent (see ``open_directory``);
    stepping raises UnreadableTreeError. Close it after use.
    """

    def __init__(
        self,
        root: Path,
        below: str = "",
        wanted: "Callable[[os.DirEntry[str]], bool]" = _is_output,
        deepest: int = MAX_DEPTH,
    ) -> None:
        self._descent = Descent(open_directory(root, below))
        self._files = _run(self._descent, wanted, deepest)

    def __next__(self) -> TreeFile:
        return next(self._files)

    def close(self) -> None:
        """Give back all descriptors. Repeatable."""
        self._files.close()
        self._descent.close()

    def __del__(self) -> None:
        if hasattr(self, "_files"):  # not when the root was absent
            self.close()


def _run(
    descent: Descent, wanted: "Callable[[os.DirEntry[str]], bool]", deepest: int
) -> Generator[TreeFile, None, None]:
    yield from _scan(descent, wanted)
    while descent.levels:
        name = descent.next()
        if name is None:
            descent.leave()
            continue
        if len(descent.levels) > deepest:
            raise UnreadableTreeError(f"{shown_path(descent.path_of(name))} lies more than {deepest} directories deep")
        try:
            descent.enter(name)
        except OSError as fault:
            if fault.errno in _GONE:
                continue
            raise _unreadable(descent.path_of(name), fault) from fault
        yield from _scan(descent, wanted)


def _scan(descent: Descent, wanted: "Callable[[os.DirEntry[str]], bool]") -> Iterator[TreeFile]:
    here = descent.here
    above = ""
    try:
        with os.scandir(here.fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    descent.later(entry.name)
                elif wanted(entry):
                    above = above or descent.path_of()
                    path = f"{above}/{entry.name}" if above else entry.name
                    yield TreeFile(path, here.fd, entry.name)
    except OSError as fault:
        raise _unreadable(descent.path_of(), fault) from fault


def _unreadable(path: str, fault: OSError) -> UnreadableTreeError:
    return UnreadableTreeError(f"can't read {shown_path(path)}: {fault.strerror}")


def remove_links(root: Path, below: str = "") -> int:
    """Remove all ``*.chrislink`` of a tree that are no directories, and give back how many.

    Goes on after a failure and raises NotRemovedError at the end; Absent (see ``open_directory``) and
    UnreadableTreeError.
    """
    removed, failed = 0, 0
    failures: list[str] = []
    with FileWalk(root, below, _is_link_file) as walk:
        for found in walk:
            try:
                os.unlink(found.name, dir_fd=found.dir_fd)
                removed += 1
            except FileNotFoundError:
                pass
            except OSError as fault:
                failed += 1
                failures += [f"{found.path}: {fault.strerror}"] if failed <= _MAX_TOLD else []
    if failed:
        raise NotRemovedError(removed, failed, failures)
    return removed


def remove_tree(path: Path, report: Callable[[int], None] = lambda _: None) -> int:
    """Remove a tree, or a file, and give back how many files and directories it had; 0 when there is none.

    A symbolic link is removed, never followed. Directories that a job made read-only are made writable first.
    ``report`` is called with what is gone so far, after each directory.
    Goes on after a failure and raises NotRemovedError at the end; UnreadableTreeError when directories are moved
    about meanwhile.
    """
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    removal = _Removal(parent, path.name, report)
    try:
        removal.run()
    finally:
        removal.descent.close()
    if removal.failed:
        raise NotRemovedError(removal.removed, removal.failed, removal.failures)
    return removal.removed


def _open_forced(dir_fd: int, name: str) -> int:
    """Open a directory for removal, with all rights of its owner. Raises OSError."""
    with contextlib.suppress(PermissionError):
        fd = os.open(name, DIRECTORY, dir_fd=dir_fd)
        if os.fstat(fd).st_mode & 0o700 != 0o700:
            with contextlib.suppress(PermissionError):  # another's; that may do no harm
                os.fchmod(fd, 0o700)
        return fd
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # fchmod refuses O_PATH: open(2)
    finally:
        os.close(handle)
    return os.open(name, DIRECTORY, dir_fd=dir_fd)


class _Removal:
    """One run. ``descent`` starts above what is removed. What lies deep is moved up first, to take little memory."""

    def __init__(self, parent: int, name: str, report: Callable[[int], None]) -> None:
        self.report = report
        self.removed = self.failed = 0
        self.failures: list[str] = []
        self.descent = Descent(parent)
        self.descent.later(name)

    def run(self) -> None:
        descent = self.descent
        while True:
            name = descent.next()
            if name is not None:
                if len(descent.levels) <= _FLAT_FROM or not descent.move_up(name):
                    self._open(name)
            elif len(descent.levels) == 1:
                return
            elif moved := descent.next_moved():
                self._open(moved)
            else:
                self._remove_directory(descent.leave())

    def _open(self, name: str) -> None:
        try:
            self.descent.enter(name, _open_forced(self.descent.here.fd, name))
        except FileNotFoundError:
            return
        except OSError as fault:
            if fault.errno in _GONE:  # a file, or a link
                self._unlink(name)
            else:
                self._fail(name, fault)
            return
        try:
            self._unlink_files()
        except OSError as fault:
            self._fail("", fault)

    def _unlink_files(self) -> None:
        here = self.descent.here
        with os.scandir(here.fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    self.descent.later(entry.name)
                else:
                    self._unlink(entry.name)

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self.descent.here.fd)
            self.removed += 1
        except FileNotFoundError:
            pass
        except OSError as fault:
            self._fail(name, fault)

    def _remove_directory(self, name: str) -> None:
        here = self.descent.here
        try:
            os.rmdir(name, dir_fd=here.fd)
            self.removed += 1
            self.report(self.removed)
        except FileNotFoundError:
            pass
        except OSError as fault:
            if fault.errno == errno.ENOTEMPTY and not self.failed and name != here.retried:
                here.retried = name  # some file systems skip names in a listing while others are removed
                self.descent.later(name)
            else:
                self._fail(name, fault)

    def _fail(self, name: str, fault: OSError) -> None:
        self.failed += 1
        if len(self.failures) < _MAX_TOLD:
            self.failures.append(f"{self.descent.path_of(name)}: {fault.strerror}")
