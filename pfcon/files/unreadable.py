"""Finds outputs that this service can't read, because a job of another user created them without rights for others.

For example, ``tempfile.mkstemp`` creates files with the mode 0600.
"""

import os
import stat
from dataclasses import dataclass, field
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
    """The unreadable files and directories: their number, and the first paths, relative to the outputs."""

    most = 3

    def summary(self) -> str:
        """Return one line for users."""
        names = ", ".join(shown_path(path) for path in self.first) + (" and others" if self.count > self.most else "")
        what = "1 of the outputs" if self.count == 1 else f"{self.count} of the outputs"
        return f"{what} {_MARK} {os.geteuid()}: {names}"

    def require_none(self) -> None:
        """Check that everything is readable. Raises Conflict with the summary and a remedy."""
        if self.count:
            raise Conflict(f"{self.summary()}; {_REMEDY}")


@dataclass
class OutputSurvey:
    """What a walk over the outputs of a job has found. files, size: number and bytes of the regular files."""

    unreadable: Unreadable = field(default_factory=Unreadable)
    files: int = 0
    size: int = 0

    def add(self, name: str, found: os.stat_result) -> None:
        """Count a file, as far as it is an output: ChRIS links are not."""
        if stat.S_ISREG(found.st_mode) and not name.endswith(LINK_SUFFIX):
            self.files += 1
            self.size += found.st_size


def is_unreadable_note(note: str) -> bool:
    """Whether a note of a job was made by ``Unreadable.summary``."""
    return _MARK in note


def is_unreadable(dir_fd: int, entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of an open directory is an unreadable output. Files of this user always count as readable."""
    try:
        if entry.name.endswith(LINK_SUFFIX) or not entry.is_file(follow_symlinks=False):
            return False
        found = entry.stat(follow_symlinks=False)
        if found.st_mode & _FOR_ALL == _FOR_ALL or found.st_uid == os.geteuid():
            return False
        return not os.access(entry.name, os.R_OK, dir_fd=dir_fd, effective_ids=True)
    except OSError as fault:
        return fault.errno not in MISSING  # in a directory that may be listed but not entered


def find_unreadable(root: Path, below: str = "", *, files: bool = True) -> Unreadable:
    """Search a tree; return what is unreadable. files: whether to check files, too, or only directories.

    No symbolic link is followed, and the tree is never left.

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
    """Process the entries of the present directory."""
    here = descent.here.fd
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                descent.schedule(entry.name)
            elif files and is_unreadable(here, entry):
                found.add(descent.path_of(entry.name))
