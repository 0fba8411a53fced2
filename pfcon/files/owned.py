"""Opens files that this service's user owns, even when their mode does not allow it to read them.

A job that runs as that user can create such files and directories; as their owner, the service may change the mode.
"""

import errno
import os
import stat

from pfcon.files.flags import DIRECTORY, HANDLE

_READ, _ENTER = stat.S_IRUSR, stat.S_IRUSR | stat.S_IXUSR


def open_owned(name: str, flags: int, dir_fd: int) -> int:
    """Open a file or a directory for reading; return the descriptor. flags: of open(2), with O_NOFOLLOW.

    The mode of a file is restored after that; a directory keeps the added rights of its owner. Raises OSError.
    """
    try:
        return os.open(name, flags, dir_fd=dir_fd)
    except PermissionError as fault:
        handle = os.open(name, HANDLE, dir_fd=dir_fd)
        try:
            return _open_forced(handle, flags & ~os.O_NOFOLLOW, fault)
        finally:
            os.close(handle)


def open_owned_directory(name: str, dir_fd: int) -> int:
    """Like ``open_owned`` for a directory; its owner also gets the right to open the files in it."""
    fd = open_owned(name, DIRECTORY, dir_fd)
    try:
        found = os.fstat(fd)
        closed = found.st_mode & _ENTER != _ENTER and found.st_uid == os.geteuid()
        if closed and not os.access(f"/proc/self/fd/{fd}", os.X_OK, effective_ids=True):
            os.fchmod(fd, stat.S_IMODE(found.st_mode) | _ENTER)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open_forced(handle: int, flags: int, fault: PermissionError) -> int:
    found = os.fstat(handle)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    wanted = _READ if stat.S_ISREG(found.st_mode) else _ENTER if stat.S_ISDIR(found.st_mode) else 0
    if not wanted or found.st_uid != os.geteuid() or mode & wanted == wanted:
        raise fault
    path = f"/proc/self/fd/{handle}"  # fchmod refuses O_PATH: open(2)
    os.chmod(path, mode | wanted)
    try:
        return os.open(path, flags)
    finally:
        if wanted == _READ:
            os.chmod(path, mode)
