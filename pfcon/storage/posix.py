"""Opens and lists users' data on the shared file system without leaving the tree, also while users change it.

Every path is relative to the storage root. It is opened one directory after the other, without following symbolic
links: a directory that was replaced by a link is not entered. pfcon's own paths in the root are not storage paths.
"""

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from pfcon.errors import Refused
from pfcon.files.closing import Closing
from pfcon.files.flags import DIRECTORY
from pfcon.files.walk import open_regular
from pfcon.links import LINK_MAX_BYTES, Entry, input_path
from pfcon.links.budget import Notes
from pfcon.paths import is_own

_KEPT_OPEN = 32  # directories
# Error numbers of a path that does not exist, or no longer exists, or that is not a regular file or directory.
MISSING_ERRORS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.ESTALE})


def storage_path(text: str) -> str:
    """Return the normal form of a path below the storage root. Raises Refused for one outside of it, or of pfcon's."""
    path = input_path(text)
    if is_own(path):
        raise Refused(f"Invalid input path: {text}")
    return path


def unreadable(path: str, fault: OSError) -> Exception:
    """Return the error for users' data that can't be read: Refused if permission is missing, else OSError."""
    if fault.errno in (errno.EACCES, errno.EPERM):
        return Refused(f"can't read {path!r} below the storage root: {fault.strerror}")
    return OSError(fault.errno, fault.strerror, path)


class Directories(Closing):
    """Opens directories below a root; keeps parent directories open for the next call. Not thread-safe. A context."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # the root itself may be a link
        self._open: OrderedDict[str, int] = OrderedDict()

    def open(self, path: str) -> int:
        """Return the descriptor of a directory, valid until the next call. ``""`` is the root. Raises OSError."""
        above = path
        while above and above not in self._open:
            above = above.rpartition("/")[0]
        fd = self._root
        if above:
            self._open.move_to_end(above)
            fd = self._open[above]
        if above == path:
            return fd
        for name in path[len(above) + 1 if above else 0 :].split("/"):
            fd = os.open(name, DIRECTORY, dir_fd=fd)
            above = f"{above}/{name}" if above else name
            self._open[above] = fd
            if len(self._open) > _KEPT_OPEN:
                os.close(self._open.popitem(last=False)[1])
        return fd

    def close(self) -> None:
        """Close all descriptors. Idempotent."""
        while self._open:
            os.close(self._open.popitem()[1])
        if self._root >= 0:
            os.close(self._root)
            self._root = -1


class PosixLister:
    """The storage root as a Lister (see ``pfcon.links``). ``notes`` get what is neither a file nor a directory.

    All sizes are 0: a stat of each file would take longer than listing its name, and is done when the file is copied.
    Raises Refused for what can't be read, and for pfcon's own paths. For one walk; not thread-safe.
    """

    def __init__(self, directories: Directories, notes: Notes) -> None:
        self._directories = directories
        self._notes = notes

    def entry(self, path: str) -> Entry | None:
        """See Lister."""
        parent, _, name = storage_path(path).rpartition("/")
        try:
            found = os.stat(name, dir_fd=self._directories.open(parent), follow_symlinks=False)
        except OSError as fault:
            if fault.errno in MISSING_ERRORS:
                return None
            raise unreadable(path, fault) from fault
        if stat.S_ISDIR(found.st_mode):
            return Entry(name, True)
        return Entry(name, False) if stat.S_ISREG(found.st_mode) else None

    def children(self, path: str) -> Iterator[Entry]:
        """See Lister."""
        try:
            with os.scandir(self._directories.open(path)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        yield Entry(entry.name, True)
                    elif entry.is_file(follow_symlinks=False):
                        yield Entry(entry.name, False)
                    else:
                        kind = "symbolic link" if entry.is_symlink() else "special file"
                        self._notes.add(f"left out {f'{path}/{entry.name}'!r}: it is a {kind}")
        except OSError as fault:
            if fault.errno not in MISSING_ERRORS:
                raise unreadable(path, fault) from fault
            self._notes.add(f"left out {path!r}: it was deleted while the inputs were listed")

    def link_text(self, path: str) -> bytes:
        """See Lister. Raises Refused for a link that was deleted during the walk: its target is unknown."""
        parent, _, name = path.rpartition("/")
        try:
            fd = open_regular(self._directories.open(parent), name)
        except OSError as fault:
            raise unreadable(path, fault) from fault
        if fd is None:
            raise Refused(f"{path!r} was deleted while the inputs were listed")
        try:
            return os.read(fd, LINK_MAX_BYTES + 1)
        finally:
            os.close(fd)
