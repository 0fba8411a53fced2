"""File flags that prevent changes even by root (chattr(1)). A job that runs as root can set them."""

import fcntl
import os
import stat
import struct

from pfcon.files.flags import READ

# ioctl_iflags(2); the values for 64-bit machines.
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_LOCKED = 0x10 | 0x20  # FS_IMMUTABLE_FL, FS_APPEND_FL


def unlock(descriptor: int) -> bool:
    """Clear such flags of an open file or directory. Return False when none was set or they can't be cleared."""
    try:
        flags = struct.unpack("i", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(4)))[0]
        if not flags & _LOCKED:
            return False
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("i", flags & ~_LOCKED))
    except OSError:
        return False
    return True


def unlock_name(dir_fd: int, name: str) -> bool:
    """Like ``unlock`` for a regular file in an open directory. A symbolic link is not followed."""
    try:
        if not stat.S_ISREG(os.lstat(name, dir_fd=dir_fd).st_mode):  # opening a device may have effects
            return False
        descriptor = os.open(name, READ, dir_fd=dir_fd)
    except OSError:
        return False
    try:
        return unlock(descriptor)
    finally:
        os.close(descriptor)
