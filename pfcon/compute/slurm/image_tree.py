"""The tree of an unpacked image, before jobs share it: what may not be in it, and what runtimes need.

unsquashfs(1) that root runs keeps the owners, the device files and the setuid bits of an image, unlike
``umoci --rootless``. Root of a job may be root of its node, which could use such a device.
"""

import os
import stat
from pathlib import Path, PurePosixPath

from pfcon.files.descent import Descent
from pfcon.files.flags import DIRECTORY
from pfcon.models import INCOMING, OUTGOING

_PRIVILEGES = stat.S_ISUID | stat.S_ISGID
# Directories where a runtime mounts something. Created in every image, because images are read-only for jobs.
_MOUNT_POINTS = (
    INCOMING,
    OUTGOING,
    *map(PurePosixPath, ("/share/storebase", "/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys")),  # noqa: S108
)
_FILES = ("etc/resolv.conf", "etc/hosts", "etc/passwd", "etc/group")
_Owner = tuple[int, int] | None


def clean(rootfs: Path) -> None:
    """Remove device files, and setuid and setgid bits; give all rights on directories to their owner, as removal needs.

    If this is root, all files get the owner and the group of the directory that ``rootfs`` is in, which whoever has
    unpacked the image has made; that also removes their capabilities (chown(2)). Raises OSError, UnreadableTreeError.
    """
    found = os.stat(rootfs.parent)
    owner = (found.st_uid, found.st_gid) if os.geteuid() == 0 else None
    parent = os.open(rootfs.parent, DIRECTORY)
    try:
        descent = Descent(_open(rootfs.name, parent, owner))
    finally:
        os.close(parent)
    try:
        for _ in descent.directories(lambda name, fd: _open(name, fd, owner), _fail):
            _clean_files(descent, owner)
    finally:
        descent.close()


def _open(name: str, dir_fd: int, owner: _Owner) -> int:
    found = os.lstat(name, dir_fd=dir_fd)
    mode = stat.S_IMODE(found.st_mode)
    wanted = mode & ~_PRIVILEGES | stat.S_IRWXU
    if mode != wanted:
        os.chmod(name, wanted, dir_fd=dir_fd)
    _give(name, dir_fd, found, owner)
    return os.open(name, DIRECTORY, dir_fd=dir_fd)


def _give(name: str, dir_fd: int, found: os.stat_result, owner: _Owner) -> None:
    """Give a file to its new owner, also if it has that one already: then for its capabilities alone."""
    if owner is None:
        return
    try:
        os.chown(name, *owner, dir_fd=dir_fd, follow_symlinks=False)
    except PermissionError:
        if (found.st_uid, found.st_gid) != owner:  # else root is nobody there (root_squash), and has no capabilities
            raise


def _fail(_: str, fault: OSError) -> None:
    raise fault


def _clean_files(descent: Descent, owner: _Owner) -> None:
    """Process the entries of the present directory."""
    here, devices = descent.here.fd, []
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                descent.schedule(entry.name)
                continue
            found = entry.stat(follow_symlinks=False)
            mode = found.st_mode
            if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
                devices.append(entry.name)
                continue
            _give(entry.name, here, found, owner)
            if mode & _PRIVILEGES and not stat.S_ISLNK(mode):
                os.chmod(entry.name, stat.S_IMODE(mode) & ~_PRIVILEGES, dir_fd=here)
    for name in devices:
        os.unlink(name, dir_fd=here)


def complete(rootfs: Path) -> None:
    """Create the mount points that runtimes need; never through a link that leads out of the image."""
    for target in _MOUNT_POINTS:
        path = rootfs
        for part in target.parts[1:]:
            path /= part
            if path.is_symlink():
                break
            path.mkdir(exist_ok=True)
    for name in _FILES:
        file = rootfs / name
        if file.parent.is_symlink() or file.is_symlink() or file.exists():
            continue
        file.parent.mkdir(exist_ok=True)
        file.touch()
