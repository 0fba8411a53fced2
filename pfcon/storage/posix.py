"""Users' data on the shared file system, which they may be changing: opened and listed without leaving the tree.

Every path is relative to the storage root and goes from one open directory to the next, without following symbolic
links: a directory that is swapped for a link leads nowhere. What pfcon keeps in the root is no storage path.
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
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.ESTALE})


def storage_path(text: str) -> str:
    """The normal form of a path below the storage root. Raises Refused for one that leads out of it, or to pfcon's."""
    path = input_path(text)
    if is_own(path):
        raise Refused(f"Invalid input path: {text}")
    return path


def unreadable(path: str, fault: OSError) -> Exception:
    """The error for users' data that can't be read: Refused where this service may not, OSError else."""
    if fault.errno in (errno.EACCES, errno.EPERM):
        return Refused(f"can't read {path!r} below the storage root: {fault.strerror}")
    return OSError(fault.errno, fault.strerror, path)


class Directories(Closing):
    """Opens directories below a root; those on the way stay open for the next call. For one thread."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # the root itself may be a link
        self._open: OrderedDict[str, int] = OrderedDict()

    def open(self, path: str) -> int:
        """The descriptor of a directory, ``""`` being the root; valid until the next call. Raises OSError."""
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
    """The storage root as a Lister (see ``pfcon.links``); ``notes`` tell what was no file or directory.

    Sizes are told as 0: a look at each file would take longer than its name, and is due when it is copied. Raises
    Refused for what can't be read, and for paths of pfcon's own. One walk uses it, in one thread at a time.
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
            if fault.errno in GONE:
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
            if fault.errno not in GONE:
                raise unreadable(path, fault) from fault
            self._notes.add(f"left out {path!r}: it vanished while the inputs were listed")

    def link_text(self, path: str) -> bytes:
        """See Lister. Raises Refused for a link that vanished: what it stood for can't be told."""
        parent, _, name = path.rpartition("/")
        try:
            fd = open_regular(self._directories.open(parent), name)
        except OSError as fault:
            raise unreadable(path, fault) from fault
        if fd is None:
            raise Refused(f"{path!r} vanished while the inputs were listed")
        try:
            return os.read(fd, LINK_MAX_BYTES + 1)
        finally:
            os.close(fd)
