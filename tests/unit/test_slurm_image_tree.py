"""What of an image may not reach a node: a real squashfs of mksquashfs, with what only root can make."""

import os
import shutil
import stat
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from support.engines import machine_path, unsquashfs
from support.users import AS_ROOT, as_user

from pfcon.compute.slurm.commands import Commands, DevicesLeftOut, error_of
from pfcon.compute.slurm.image_name import ImageName
from pfcon.compute.slurm.image_tree import clean
from pfcon.compute.slurm.images import Images
from pfcon.compute.stopping import Stop
from pfcon.errors import Refused
from pfcon.paths import StoreBase

TINY = Path(__file__).parents[1] / "data/slurm/tiny.sif"
NAME = ImageName.parse("local/pl-odd:1")
NOBODY = 65534
NO_DEVICES = ("setpriv", "--bounding-set=-mknod")  # as in a container
ODD = (
    *("/ d 555 0 0", "disk b 644 0 0 8 0", "dir d 2711 4321 4321", "dir/tty c 666 0 0 5 0"),
    *("dir/secret f 600 4321 4321 echo s", "su f 6755 0 0 echo x", "link s 777 4321 4321 dir/secret"),
    *("closed d 0 0 0", "closed/x d 311 0 0", "closed/x/y f 600 0 0 echo y", "pipe i 666 0 0 f"),
)


def odd_sif(path: Path) -> None:
    """Make a SIF file whose root file system has devices, other owners, privileges and closed directories."""
    if not shutil.which("mksquashfs"):
        pytest.skip("mksquashfs is not installed (Debian: squashfs-tools)")
    (path.parent / "empty").mkdir()
    made = path.with_suffix(".squashfs")
    words = [word for entry in ODD for word in ("-p", entry)]
    subprocess.run(["mksquashfs", path.parent / "empty", made, "-no-progress", *words], check=True, capture_output=True)
    content, system = bytearray(TINY.read_bytes()), made.read_bytes()
    at = next(at for at in range(4096, 28080, 585) if struct.unpack_from("<i", content, at)[0] == 0x4004)
    struct.pack_into("<2q", content, at + 17, len(content), len(system))
    path.write_bytes(content + system)


@pytest.fixture
def cache(storebase: StoreBase, monkeypatch: pytest.MonkeyPatch) -> Images:
    monkeypatch.setenv("PATH", machine_path())
    unsquashfs()
    own = storebase.root / "site/local/pl-odd"
    own.mkdir(parents=True)
    odd_sif(own / "1.sif")
    made = storebase.root / "cache"
    made.mkdir(mode=0o777)
    if os.geteuid() == 0:
        os.chown(made, NOBODY, NOBODY)
    return Images(Commands(), made, PurePosixPath(made), storebase.root / "site", 0, set)


def prepared(cache: Images) -> Path:
    cache.prepare(NAME, lambda _: None, Stop())
    found = cache.find(NAME)
    assert found is not None
    return Path(found.rootfs)


def shown(rootfs: Path) -> dict[str, tuple[str, int, int]]:
    """Mode, owner and group of what the file system has."""
    names = (entry.split()[0] for entry in ODD[1:])
    found = {
        name: (rootfs / name).lstat() for name in names if (rootfs / name).is_symlink() or (rootfs / name).exists()
    }
    return {name: (stat.filemode(one.st_mode), one.st_uid, one.st_gid) for name, one in found.items()}


MODES = {
    "dir": "drwx--x--x",
    "dir/secret": "-rw-------",
    "su": "-rwxr-xr-x",
    "link": "lrwxrwxrwx",
    "closed": "drwx------",
    "closed/x": "drwx--x--x",
    "closed/x/y": "-rw-------",
    "pipe": "prw-rw-rw-",
}


@AS_ROOT
@pytest.mark.parametrize("prefix", [(), NO_DEVICES], ids=["root", "without-mknod"])
def test_of_root_s_image_no_device_privilege_or_foreign_owner_is_left(cache: Images, prefix: tuple[str, ...]) -> None:
    cache = Images(Commands(prefix), cache.cache, cache.nodes_cache, cache.site, 0, set)
    rootfs = prepared(cache)
    assert shown(rootfs) == {name: (mode, 0, 0) for name, mode in MODES.items()}
    assert (rootfs / "share/incoming").is_dir()
    assert (rootfs / "dir/secret").read_text() == "s\n"


@AS_ROOT
def test_a_user_s_image_with_devices_and_closed_directories_is_unpacked_and_can_be_removed(cache: Images) -> None:
    roots: list[Path] = []
    as_user(NOBODY, lambda: roots.append(prepared(cache)))
    assert {name: (mode, uid) for name, (mode, uid, _) in shown(roots[0]).items()} == {
        name: (mode, NOBODY) for name, mode in MODES.items()
    }
    as_user(NOBODY, lambda: shutil.rmtree(roots[0].parent))


@AS_ROOT
def test_what_a_crash_has_left_is_removed_later_whatever_its_modes(cache: Images) -> None:
    old, new = cache.cache / "tmp-old", cache.cache / "tmp-new"
    for path in (old, new):
        (path / "bundle/closed/x").mkdir(parents=True)
        for directory in (path / "bundle/closed/x", path / "bundle/closed", path / "bundle", path):
            os.chown(directory, NOBODY, NOBODY)
            directory.chmod(0)
    day = time.time() - 86400
    os.utime(old, (day, day))
    as_user(NOBODY, lambda: prepared(cache))
    assert not old.exists()
    assert new.exists()


@AS_ROOT
def test_an_image_of_umoci_loses_its_privileges_too(tmp_path: Path) -> None:
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    program = rootfs / "su"
    program.write_text("x")
    program.chmod(0o755)
    capability = struct.pack("<5I", 0x02000001, 1 << 7, 0, 0, 0)  # cap_setuid+ep
    os.setxattr(program, "security.capability", capability)
    (rootfs / "sgid").mkdir()
    (rootfs / "sgid").chmod(0o2755)
    clean(rootfs)
    assert "security.capability" not in os.listxattr(program)
    assert (rootfs / "sgid").stat().st_mode & 0o7777 == 0o755


@pytest.fixture
def rootfs_to_remove(tmp_path: Path) -> Iterator[Path]:
    """An empty directory that is removed afterwards, with a tree of any depth in it: pytest can't remove a deep one,
    and aborts a later run that tries to."""
    directory = tmp_path / "rootfs"
    directory.mkdir()
    yield directory
    subprocess.run(["rm", "-rf", "--", directory], check=True)


def test_a_tree_of_any_depth_is_cleaned(rootfs_to_remove: Path) -> None:
    rootfs = rootfs_to_remove
    fd = os.open(rootfs, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.mkdir("last", 0o2755, dir_fd=fd)
    os.chmod("last", 0o2511, dir_fd=fd)
    clean(rootfs)
    assert os.stat("last", dir_fd=fd).st_mode & 0o7777 == 0o711
    os.close(fd)


DEVICE = "create_inode: could not create block device /x/disk, because you're not superuser!\n"


@pytest.mark.parametrize(
    ("status", "text", "left_out"),
    [
        (2, DEVICE, True),
        (2, DEVICE + "create_inode: failed to create character device /x/a b, because Operation not permitted\n", True),
        (2, DEVICE + "set_attributes: failed to change mode of /x\n", False),
        (2, "", False),
        (1, DEVICE, False),
    ],
)
def test_nothing_but_devices_may_be_left_out(status: int, text: str, left_out: bool) -> None:
    fault = error_of("unsquashfs", status, text)
    assert isinstance(fault, Refused)
    assert isinstance(fault, DevicesLeftOut) is left_out
