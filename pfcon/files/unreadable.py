"""Which of a job's outputs this service can't read: those that a job as another user kept for itself.

``tempfile.mkstemp`` does so, for one: its files have the mode 0600.
"""

import os
import stat
from pathlib import Path

from pfcon.errors import Conflict
from pfcon.files.descent import Descent, shown_path
from pfcon.files.failures import Failures
from pfcon.files.faults import MISSING
from pfcon.files.owned import open_owned_directory
from pfcon.files.walk import open_directory
from pfcon.models import LINK_SUFFIX

_FOR_ALL = stat.S_IRGRP | stat.S_IROTH
_MARK = "can't be read by pfcon, which runs as user"
_REMEDY = "let them be readable for all (umask, chmod), or let jobs run as that user (CONTAINER_USER)"


class Unreadable(Failures):
    """What can't be read: how many files and directories, and the first paths, relative to the outputs."""

    most = 3

    def summary(self) -> str:
        """One line for users."""
        names = ", ".join(shown_path(path) for path in self.first) + (" and others" if self.count > self.most else "")
        what = "1 of the outputs" if self.count == 1 else f"{self.count} of the outputs"
        return f"{what} {_MARK} {os.geteuid()}: {names}"

    def require_none(self) -> None:
        """Raises Conflict with what can't be read, and with what to do."""
        if self.count:
            raise Conflict(f"{self.summary()}; {_REMEDY}")


def is_unreadable_note(note: str) -> bool:
    """Whether a job's note is that of an Unreadable."""
    return _MARK in note


def is_unreadable(dir_fd: int, entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of an open directory is an output that can't be read. What is this user's own always can be."""
    try:
        if entry.name.endswith(LINK_SUFFIX) or not entry.is_file(follow_symlinks=False):
            return False
        found = entry.stat(follow_symlinks=False)
        if found.st_mode & _FOR_ALL == _FOR_ALL or found.st_uid == os.geteuid():
            return False
        return not os.access(entry.name, os.R_OK, dir_fd=dir_fd, effective_ids=True)
    except OSError as fault:
        return fault.errno not in MISSING  # in a directory that may be listed, but not entered


def find_unreadable(root: Path, below: str = "", *, files: bool = True) -> Unreadable:
    """Look through a tree; ``files``: not for directories alone. No link is followed, and the tree is never left.

    Raises Absent (see ``open_directory``), UnreadableTreeError, OSError.
    """
    found = Unreadable()
    try:
        descent = Descent(open_directory(root, below))
    except PermissionError:
        found.add(below)
        return found
    try:
        for _ in descent.directories(open_owned_directory, lambda name, _: found.add(descent.path_of(name))):
            _look(descent, found, files)
    finally:
        descent.close()
    return found


def _look(descent: Descent, found: Unreadable, files: bool) -> None:
    """Deal with what the present directory holds."""
    here = descent.here.fd
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                descent.later(entry.name)
            elif files and is_unreadable(here, entry):
                found.add(descent.path_of(entry.name))
