"""What an OSError of a file system means, for all code that has to tell one from another."""

import errno
import os
from pathlib import Path

MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""A name that was removed, or swapped for something else, while a tree was walked."""


def is_full(fault: OSError) -> bool:
    """Whether the disk is full, or a quota is used up: the same call may succeed once there is room again."""
    return fault.errno in (errno.ENOSPC, errno.EDQUOT)


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write on the file system of a path. Raises OSError."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
