"""Gives a job a /dev/shm of its own. A part of the supervisor: uses only the standard library."""

from __future__ import annotations

import ctypes
import errno
import os

PLACE = "/dev/shm"  # noqa: S108 - the one that shm_open(3) uses
NAMESPACE = "/proc/self/ns/mnt"
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000  # unshare(2)
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 2, 4, 8, 16384, 1 << 19  # mount(2)


def mount_own(size: int) -> None:
    """Mount a /dev/shm of that many bytes, for this process and what it starts. Raises OSError.

    For another user than root, that needs a user namespace (user_namespaces(7)), in which nobody else has a name.
    """
    uid, gid = os.geteuid(), os.getegid()
    before = os.readlink(NAMESPACE)
    _check(_libc().unshare(CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)), "unshare")
    if os.readlink(NAMESPACE) == before:  # a mount would be the machine's
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), "unshare")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _mount(b"none", b"/", None, MS_REC | MS_SLAVE, None)  # what the machine mounts later is seen, not the opposite
    _mount(b"tmpfs", PLACE.encode(), b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"size={size},mode=1777".encode())


def used() -> int:
    """Return the bytes in the /dev/shm of this process."""
    found = os.statvfs(PLACE)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def fault() -> str:
    """Try ``mount_own`` in a process of its own; return why it is not possible, ``""`` if it is."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            mount_own(1 << 20)
        except OSError as error:
            os.write(write_end, f"{error.filename or 'mount'}: {error.strerror}".encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        text = file.read().decode()
    os.waitpid(pid, 0)
    return text


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None) -> None:
    _check(_libc().mount(source, target, kind, ctypes.c_ulong(flags), options), "mount")


def _check(status: int, call: str) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)
