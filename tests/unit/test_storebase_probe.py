"""Whether storeBase can be used is found out without changing what is mounted there."""

import os
import subprocess
from pathlib import Path

import pytest
from support.small_disk import small_disk

from pfcon.errors import StorageFull, Unreachable
from pfcon.jobs.readiness.storebase import StorebaseProbe
from pfcon.paths import StoreBase


@pytest.fixture
def storebase(tmp_path: Path) -> StoreBase:
    """One that a service has begun to use."""
    made = StoreBase(tmp_path / "storeBase")
    made.root.mkdir()
    made.private_dir("records")
    return made


def test_one_that_can_be_used_says_so_and_keeps_nothing(storebase: StoreBase) -> None:
    assert "writable, " in StorebaseProbe(storebase, 0)()
    assert sorted(path.name for path in storebase.root.rglob("*")) == [".pfcon", "records"]


def test_one_without_the_service_s_directory_gets_none(storebase: StoreBase) -> None:
    """It was renamed, or the file system is not mounted yet."""
    probe = StorebaseProbe(storebase, 0)
    storebase.private.rename(storebase.root / "elsewhere")
    with pytest.raises(Unreachable, match=r"has no \.pfcon"):
        probe()
    assert not storebase.private.exists()


def test_another_directory_in_its_place_does_not_do(storebase: StoreBase) -> None:
    """As the mount point is when the file system is unmounted; an earlier service may even have used it."""
    probe = StorebaseProbe(storebase, 0)
    storebase.root.rename(storebase.root.with_name("unmounted"))
    storebase.root.mkdir()
    with pytest.raises(Unreachable, match="another file system"):
        probe()
    assert list(storebase.root.iterdir()) == []
    storebase.private_dir("records")
    with pytest.raises(Unreachable, match="another file system"):
        probe()
    storebase.root.rename(storebase.root.with_name("wrong"))
    storebase.root.with_name("unmounted").rename(storebase.root)
    assert probe()


def test_one_that_is_not_there_at_the_start_may_come(tmp_path: Path) -> None:
    storebase = StoreBase(tmp_path / "storeBase")
    probe = StorebaseProbe(storebase, 0)
    with pytest.raises(Unreachable):
        probe()
    storebase.root.mkdir()
    storebase.private_dir("records")
    assert probe()


def test_a_file_system_that_is_unmounted_shows_and_one_that_is_mounted_again_does_not(tmp_path: Path) -> None:
    """With a device of the same file system: its number may be another one then."""
    with small_disk(tmp_path / "storeBase", "ext4") as disk:
        storebase = StoreBase(disk.path)
        storebase.private_dir("records")
        probe = StorebaseProbe(storebase, 0)
        assert probe()
        subprocess.run(["umount", disk.path], check=True)
        with pytest.raises(Unreachable, match="another file system"):
            probe()
        assert list(disk.path.iterdir()) == []
        image = disk.path.with_name("storeBase.ext4")
        subprocess.run(["mount", "-o", "loop", str(image), str(disk.path)], check=True)
        assert probe()


def test_lack_of_space_is_no_other_fault(tmp_path: Path) -> None:
    """Whether little is left, or nothing."""
    with small_disk(tmp_path / "storeBase", "tmpfs", 4) as disk:
        storebase = StoreBase(disk.path)
        storebase.private_dir("records")
        with pytest.raises(StorageFull, match="must stay free"):
            StorebaseProbe(storebase, 1 << 30)()
        disk.fill()
        with pytest.raises(StorageFull):
            StorebaseProbe(storebase, 0)()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount it again")
def test_one_that_became_read_only_is_unusable(tmp_path: Path) -> None:
    """As ext4 does after an error of its disk."""
    with small_disk(tmp_path / "storeBase", "tmpfs", 4) as disk:
        storebase = StoreBase(disk.path)
        storebase.private_dir("records")
        probe = StorebaseProbe(storebase, 0)
        subprocess.run(["mount", "-o", "remount,ro", disk.path], check=True)
        with pytest.raises(Unreachable, match="Read-only file system"):
            probe()
        subprocess.run(["mount", "-o", "remount,rw", disk.path], check=True)
        assert probe()
