"""Flags of files that keep even root from changing them (chattr(1)): a job that runs as root can set them."""

import fcntl
import os
import stat
import struct

from pfcon.files.flags import READ

# ioctl_iflags(2); the numbers are those of 64-bit machines.
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_LOCKED = 0x10 | 0x20  # FS_IMMUTABLE_FL, FS_APPEND_FL


def unlock(descriptor: int) -> bool:
    """Clear such flags of an open file or directory. False when none were set, or they can't be cleared."""
    try:
        flags = struct.unpack("i", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(4)))[0]
        if not flags & _LOCKED:
            return False
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("i", flags & ~_LOCKED))
    except OSError:
        return False
    return True


def unlock_name(dir_fd: int, name: str) -> bool:
    """The same for a name in an open directory, following no link."""
    try:
        if not stat.S_ISREG(os.lstat(name, dir_fd=dir_fd).st_mode):  # nothing else is opened: a device may act on it
            return False
        descriptor = os.open(name, READ, dir_fd=dir_fd)
    except OSError:
        return False
    try:
        return unlock(descriptor)
    finally:
        os.close(descriptor)
