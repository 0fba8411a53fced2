"""Removes directory trees that hostile jobs may be changing, with the same safety as ``pfcon.files.walk``.

No symbolic link is followed, and the tree is never left.
"""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from pfcon.files.attributes import unlock, unlock_name
from pfcon.files.descent import Descent
from pfcon.files.failures import Failures
from pfcon.files.faults import MISSING
from pfcon.files.flags import DIRECTORY, HANDLE
from pfcon.files.walk import FileWalk, is_link_file

_FLAT_FROM = 256  # levels: deeper directories are moved up before they are removed


class NotRemovedError(Exception):
    """Not all of a tree was removed. removed, failed: numbers of files and directories. failures: up to 20 texts."""

    def __init__(self, removed: int, failed: int, failures: list[str]) -> None:
        self.removed, self.failed, self.failures = removed, failed, tuple(failures)
        super().__init__(f"could not remove {failed} of {removed + failed} files and directories: {failures[0]}")


def remove_link_files(root: Path, below: str = "") -> int:
    """Remove all files named ``*.chrislink`` in a tree, also symbolic links and special files; return their number.

    Continues when one can't be removed, and raises NotRemovedError at the end. Raises Absent (see ``open_directory``),
    UnreadableTreeError (immediately, for a directory that can't be read).
    """
    removed, failures = 0, Failures()
    with FileWalk(root, below, is_link_file) as walk:
        for found in walk:
            try:
                os.unlink(found.name, dir_fd=found.dir_fd)
                removed += 1
            except FileNotFoundError:
                pass
            except OSError as fault:
                failures.add(f"{found.path}: {fault.strerror}")
    if failures.count:
        raise NotRemovedError(removed, failures.count, failures.first)
    return removed


def remove_tree(path: Path, report: Callable[[int], None] = lambda _: None) -> int:
    """Remove a tree or a file; return the number of removed files and directories. Idempotent: 0 when it is missing.

    A symbolic link is removed, never followed. Read-only and immutable files and directories are removed, too.
    report: called after each directory with the number removed so far.
    Continues after a failure and raises NotRemovedError at the end. Raises UnreadableTreeError when directories are
    moved during the removal.
    """
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        return remove_entry(parent, path.name, report)
    finally:
        os.close(parent)


def remove_entry(dir_fd: int, name: str, report: Callable[[int], None] = lambda _: None) -> int:
    """Like ``remove_tree`` for a name in an open directory."""
    removal = _Removal(os.dup(dir_fd), name, report)
    try:
        removal.run()
    finally:
        removal.descent.close()
    if removal.failures.count:
        raise NotRemovedError(removal.removed, removal.failures.count, removal.failures.first)
    return removal.removed


def open_forced(dir_fd: int, name: str) -> int:
    """Open a directory for removal; its owner gets all rights. Raises OSError."""
    with contextlib.suppress(PermissionError):
        fd = os.open(name, DIRECTORY, dir_fd=dir_fd)
        unlock(fd)
        if os.fstat(fd).st_mode & 0o700 != 0o700:
            with contextlib.suppress(PermissionError):  # of another user; removal may work nevertheless
                os.fchmod(fd, 0o700)
        return fd
    handle = os.open(name, HANDLE | os.O_DIRECTORY, dir_fd=dir_fd)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # fchmod refuses O_PATH: open(2)
    finally:
        os.close(handle)
    return os.open(name, DIRECTORY, dir_fd=dir_fd)


class _Removal:
    """One call of ``remove_entry``, and its result. ``descent`` starts in the parent of the removed entry.

    Deep directories are moved up and removed there, so a tree of any depth needs little memory.
    """

    def __init__(self, parent: int, name: str, report: Callable[[int], None]) -> None:
        self.report = report
        self.removed = 0
        self.failures = Failures()
        self.descent = Descent(parent)
        self.descent.schedule(name)

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
            self.descent.enter(name, open_forced(self.descent.here.fd, name))
        except FileNotFoundError:
            return
        except OSError as fault:
            if fault.errno in MISSING:  # a file, or a link
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
                    self.descent.schedule(entry.name)
                else:
                    self._unlink(entry.name)

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self.descent.here.fd)
            self.removed += 1
        except FileNotFoundError:
            pass
        except OSError as fault:
            if fault.errno == errno.EPERM and unlock_name(self.descent.here.fd, name):
                self._unlink(name)
            else:
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
            if fault.errno == errno.ENOTEMPTY and not self.failures.count and name != here.retried:
                here.retried = name  # some file systems skip entries of a listing during removals
                self.descent.schedule(name)
            else:
                self._fail(name, fault)

    def _fail(self, name: str, fault: OSError) -> None:
        self.failures.add(f"{self.descent.path_of(name)}: {fault.strerror}")
