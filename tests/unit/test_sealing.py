"""Privileges that a job's outputs must not have, taken off whatever it left there."""

import fcntl
import os
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.users import AS_ROOT, as_user

from pfcon.errors import Absent
from pfcon.files.attributes import _LOCKED, _SET_FLAGS, unlock
from pfcon.files.privileges import CAPABILITIES, PrivilegesLeftError, remove_privileges
from pfcon.paths import StoreBase

CAP_SETUID = struct.pack("<IIIII", 0x02000001, 1 << 7, 0, 0, 0)  # a file that may become any user: capability.h


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def has_capabilities(path: Path) -> bool:
    return CAPABILITIES in os.listxattr(path, follow_symlinks=False)


def give_capabilities(path: Path) -> None:
    try:
        os.setxattr(path, CAPABILITIES, CAP_SETUID)
    except OSError as fault:
        pytest.skip(f"no file capabilities here: {fault}")


@pytest.fixture
def outgoing(storebase: StoreBase) -> Path:
    made = storebase.root / "job" / "outgoing"
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize(("before", "after"), [(0o4755, 0o755), (0o2711, 0o711), (0o6000, 0), (0o7777, 0o1777)])
def test_files_lose_the_bits_and_keep_their_rights(outgoing: Path, before: int, after: int) -> None:
    (outgoing / "d").mkdir()
    for path in (outgoing / "f", outgoing / "d" / "f"):
        path.touch()
        path.chmod(before)
    assert remove_privileges(outgoing.parent, "outgoing", directories=True) == 2
    assert [mode(outgoing / "f"), mode(outgoing / "d" / "f")] == [after, after]
    assert remove_privileges(outgoing.parent, "outgoing", directories=True) == 0


@AS_ROOT
def test_files_lose_their_capabilities(outgoing: Path) -> None:
    for name in ("f", "with\nline", os.fsdecode(b"\xe9")):
        (outgoing / name).touch()
        give_capabilities(outgoing / name)
    assert remove_privileges(outgoing, directories=True) == 3
    assert not any(has_capabilities(path) for path in outgoing.iterdir())


@pytest.mark.parametrize("directories", [True, False])
def test_directories_lose_them_where_they_are_the_job_s_alone(outgoing: Path, directories: bool) -> None:
    (outgoing / "d").mkdir()
    outgoing.chmod(0o2777)
    (outgoing / "d").chmod(0o6755)
    remove_privileges(outgoing, directories=directories)
    assert [mode(outgoing), mode(outgoing / "d")] == ([0o777, 0o755] if directories else [0o2777, 0o6755])


def test_what_links_lead_to_keeps_them(outgoing: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    precious = tmp_path / "away" / "su"
    precious.touch()
    precious.chmod(0o4755)
    (outgoing / "file").symlink_to(precious)
    (outgoing / "directory").symlink_to(tmp_path / "away")
    assert remove_privileges(outgoing, directories=True) == 0
    assert mode(precious) == 0o4755
    (tmp_path / "job2").symlink_to(outgoing.parent)
    with pytest.raises(Absent):
        remove_privileges(tmp_path / "job2", "outgoing", directories=True)


def test_pipes_sockets_and_devices_are_not_opened(outgoing: Path) -> None:
    os.mkfifo(outgoing / "pipe", 0o644)
    (outgoing / "pipe").chmod(0o4644)
    assert remove_privileges(outgoing, directories=True) == 1
    assert mode(outgoing / "pipe") == 0o644


@AS_ROOT
def test_devices_are_their_owner_s_alone(outgoing: Path) -> None:
    try:
        os.mknod(outgoing / "disk", stat.S_IFBLK | 0o666, os.makedev(7, 200))
    except OSError as fault:
        pytest.skip(f"no devices here: {fault}")
    (outgoing / "disk").chmod(0o666)
    remove_privileges(outgoing, directories=True)
    assert mode(outgoing / "disk") == 0o600


@AS_ROOT
@pytest.mark.parametrize("locked", ["nobody may read it", "immutable"])
def test_what_is_locked_loses_them_too(outgoing: Path, locked: str) -> None:
    below = outgoing / "d"
    below.mkdir()
    (below / "f").touch()
    (below / "f").chmod(0o4755)
    if locked == "immutable":
        lock(below / "f")
        remove_privileges(outgoing, directories=True)
    else:
        below.chmod(0)
        outgoing.chmod(0o777)
        for path in (outgoing, below, below / "f"):
            os.chown(path, 65534, 65534)
        (below / "f").chmod(0o4755)
        outgoing.parent.chmod(0o755)
        as_user(65534, lambda: remove_privileges(outgoing, directories=True))
    assert mode(below / "f") == 0o755


def lock(path: Path) -> None:
    with path.open() as file:
        try:
            fcntl.ioctl(file, _SET_FLAGS, struct.pack("i", _LOCKED & 0x10))
        except OSError as fault:
            pytest.skip(f"no immutable files here: {fault}")


def test_unlocking_what_is_not_locked_does_nothing(outgoing: Path) -> None:
    fd = os.open(outgoing, os.O_RDONLY)
    assert not unlock(fd)
    os.close(fd)


@AS_ROOT
def test_what_can_t_be_changed_is_told_and_the_rest_is_done(outgoing: Path) -> None:
    theirs, mine = outgoing / "theirs", outgoing / "mine"
    for path in (theirs, mine):
        path.touch()
    os.chown(mine, 65534, 65534)
    for path in (theirs, mine):
        path.chmod(0o4755)

    def seal() -> None:
        with pytest.raises(PrivilegesLeftError, match=r"remain on 1 of .*theirs.*not permitted") as raised:
            remove_privileges(outgoing, directories=True)
        assert raised.value.failed == 1

    as_user(65534, seal)
    assert [mode(theirs), mode(mine)] == [0o4755, 0o755]


def swapping(work: Callable[[], None]) -> tuple[threading.Event, threading.Thread]:
    """Do something again and again until it is told to end."""
    done = threading.Event()

    def run() -> None:
        while not done.is_set():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return done, thread


def test_a_job_that_still_swaps_files_for_links_changes_nothing_outside(outgoing: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    precious = tmp_path / "away" / "f"
    precious.touch()
    precious.chmod(0o4755)
    (outgoing / "x").mkdir()
    (outgoing / "x" / "f").touch()

    def swap() -> None:
        os.rename(outgoing / "x", outgoing / "y")
        os.symlink(tmp_path / "away", outgoing / "x")
        os.unlink(outgoing / "x")
        os.rename(outgoing / "y", outgoing / "x")
        (outgoing / "x" / "f").chmod(0o4755)
        os.rename(outgoing / "x" / "f", outgoing / "x" / "g")
        os.symlink(precious, outgoing / "x" / "f")
        os.rename(outgoing / "x" / "g", outgoing / "x" / "f")

    done, thread = swapping(swap)
    try:
        for _ in range(2000):
            remove_privileges(outgoing, directories=True)
    finally:
        done.set()
        thread.join()
    assert mode(precious) == 0o4755
