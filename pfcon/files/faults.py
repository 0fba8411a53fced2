"""Classifies OSErrors of file systems."""

import errno
import os
from pathlib import Path

MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""The errno values of a name that was removed, or replaced by another type of file, while a tree was walked."""


def is_full(fault: OSError) -> bool:
    """Whether the disk is full or a quota is exceeded: the same call may succeed after space was freed."""
    return fault.errno in (errno.ENOSPC, errno.EDQUOT)


def file_system_id(path: Path) -> int:
    """Return what stays the same when a file system is mounted again; its device number may change then.

    Raises OSError.
    """
    return os.statvfs(path).f_fsid


def free_bytes(path: Path) -> int:
    """Return the bytes that this user may still write on the file system of a path. Raises OSError."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
