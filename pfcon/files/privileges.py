"""Removes privileges from a job's outputs: setuid and setgid bits, and file capabilities.

A container may run as root, which then owns its outputs. On the host, any user who can reach such a file could run it
with root's privileges. Of device files, the rights of all users except the owner are removed.
"""

import errno
import os
import stat
from pathlib import Path

from pfcon.errors import PfconError
from pfcon.files.attributes import unlock, unlock_name
from pfcon.files.descent import Descent
from pfcon.files.failures import Failures
from pfcon.files.faults import MISSING
from pfcon.files.flags import HANDLE
from pfcon.files.owned import open_owned_directory
from pfcon.files.removal import open_forced
from pfcon.files.unreadable import OutputSurvey, is_unreadable
from pfcon.files.walk import open_directory

CAPABILITIES = "security.capability"  # xattr(7)
_PRIVILEGES = stat.S_ISUID | stat.S_ISGID
_NONE = frozenset({errno.ENODATA, errno.ENOTSUP, *MISSING})


class PrivilegesLeftError(PfconError):
    """Some privileges may remain. failed: number of files and directories. failures: texts of up to 20."""

    def __init__(self, failed: int, failures: list[str]) -> None:
        self.failed, self.failures = failed, tuple(failures)
        super().__init__(f"setuid bits and capabilities may remain on {failed} of the outputs: {failures[0]}")


def remove_privileges(root: Path, below: str = "", *, directories: bool, survey: OutputSurvey | None = None) -> int:
    """Remove setuid and setgid bits and capabilities from all files of a tree; return how many files had any.

    No symbolic link is followed, and the tree is never left, also when it changes during the call. Hard links to a file
    are affected, too. directories: whether to remove the bits of directories, too; users set the setgid bit on theirs
    so that new files get their group. survey: counts the files, and collects what can't be read.

    Continues after a failure and raises PrivilegesLeftError at the end. Raises Absent (see ``open_directory``),
    UnreadableTreeError.
    """
    removal = _PrivilegeRemoval(open_directory(root, below), directories, survey or OutputSurvey())
    try:
        removal.run()
    finally:
        removal.descent.close()
    if removal.failures.count:
        raise PrivilegesLeftError(removal.failures.count, removal.failures.first)
    return removal.changed


class _PrivilegeRemoval:
    """One call of ``remove_privileges``, and its result."""

    def __init__(self, fd: int, directories: bool, survey: OutputSurvey) -> None:
        self.descent = Descent(fd)
        self.survey = survey
        self.directories = directories
        self.changed = 0
        self.failures = Failures()

    def run(self) -> None:
        for _ in self.descent.directories(_open, self._fail_to_enter):
            self._look()

    def _fail_to_enter(self, name: str, fault: OSError) -> None:
        self.survey.unreadable.add(self.descent.path_of(name))
        self._fail(name, fault)

    def _look(self) -> None:
        """Process the present directory and its entries."""
        here = self.descent.here
        try:
            mode = os.fstat(here.fd).st_mode
            if self.directories and mode & _PRIVILEGES:
                unlock(here.fd)
                os.fchmod(here.fd, stat.S_IMODE(mode) & ~_PRIVILEGES)
                self.changed += 1
            with os.scandir(here.fd) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        self.descent.schedule(entry.name)
                    elif not entry.is_symlink():
                        self._deal_with(here.fd, entry)
                        if is_unreadable(here.fd, entry):
                            self.survey.unreadable.add(self.descent.path_of(entry.name))
        except OSError as fault:
            self._fail("", fault)

    def _deal_with(self, dir_fd: int, entry: "os.DirEntry[str]") -> None:
        try:
            found = entry.stat(follow_symlinks=False)
            self.survey.add(entry.name, found)
            mode = found.st_mode
            if mode & _PRIVILEGES or _is_open_device(mode) or _has_capabilities(f"/proc/self/fd/{dir_fd}/{entry.name}"):
                unlock_name(dir_fd, entry.name)
                _strip(dir_fd, entry.name)
                self.changed += 1
        except OSError as fault:
            if fault.errno not in MISSING:
                self._fail(entry.name, fault)

    def _fail(self, name: str, fault: OSError) -> None:
        self.failures.add(f"{self.descent.path_of(name)!r}: {fault.strerror}")


def _open(name: str, dir_fd: int) -> int:
    """Open a directory, even when its mode does not allow its owner to read it. Raises OSError."""
    try:
        return open_owned_directory(name, dir_fd)
    except PermissionError:
        return open_forced(dir_fd, name)


def _is_open_device(mode: int) -> bool:
    return (stat.S_ISBLK(mode) or stat.S_ISCHR(mode)) and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def _has_capabilities(path: str) -> bool:
    try:
        os.getxattr(path, CAPABILITIES, follow_symlinks=False)
    except OSError as fault:
        if fault.errno in _NONE:
            return False
        raise
    return True


def _strip(dir_fd: int, name: str) -> None:
    """Remove all privileges of the file that has this name now. Raises OSError."""
    handle = os.open(name, HANDLE, dir_fd=dir_fd)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISLNK(mode) or stat.S_ISDIR(mode):  # replaced since the listing
            return
        path = f"/proc/self/fd/{handle}"  # fchmod and fremovexattr refuse O_PATH: open(2)
        kept = 0o600 if _is_open_device(mode) else 0o1777
        os.chmod(path, stat.S_IMODE(mode) & kept)
        if stat.S_ISREG(mode) and CAPABILITIES in os.listxattr(path):  # without any, users may not remove them
            os.removexattr(path, CAPABILITIES)
    finally:
        os.close(handle)
