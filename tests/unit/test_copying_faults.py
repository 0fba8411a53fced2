"""Copying a stream of files: what happens when a file or the disk is at fault."""

import errno
import os
from pathlib import Path

import pytest
from support.copies import Copied, items_of, stage
from support.files import fill

from pfcon.errors import Refused, StorageFull
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.reservation import Reservation
from pfcon.storage.attempts import DiskQuota
from pfcon.storage.copy_file import SMALL, FileCopier
from pfcon.storage.copying import TreeCopy
from pfcon.testing.files import tree

BIG = SMALL * 4
RANDOM = os.urandom(BIG)


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


class Growing(FileCopier):
    """Has the original grow, so many times, once its size was looked at."""

    times = 1

    def copy(self, source: int, found: os.stat_result, target: int, path: str) -> int:
        self.writer = os.open(f"/proc/self/fd/{source}", os.O_WRONLY | os.O_APPEND)
        try:
            return super().copy(source, found, target, path)
        finally:
            os.close(self.writer)

    def _grow(self) -> None:
        if self.times:
            self.times -= 1
            os.write(self.writer, b"more")

    def _whole(self, source: int, size: int, target: int) -> None:
        self._grow()
        super()._whole(source, size, target)

    def _cloned(self, source: int, target: int) -> bool:
        self._grow()
        return super()._cloned(source, target)


class AlwaysGrowing(Growing):
    times = 99


@pytest.mark.parametrize("size", [100, BIG])
def test_a_file_that_changes_once_is_copied_again(job: JobDir, size: int) -> None:
    class Once(TreeCopy):
        copier = Growing

    fill(job.storebase.root, "in/log", data=RANDOM[:size])
    copy = stage(job, kind=Once)
    assert tree(job.incoming) == {"log": RANDOM[:size] + b"more"}
    assert copy.nbytes == size + 4


@pytest.mark.parametrize("size", [100, BIG])
def test_a_file_that_changes_all_the_time_is_an_error_that_names_it(job: JobDir, size: int) -> None:
    class Always(TreeCopy):
        copier = AlwaysGrowing

    fill(job.storebase.root, "in/log", data=RANDOM[:size])
    with pytest.raises(Refused, match="'in/log' changes while it is copied"):
        stage(job, kind=Always)
    assert not job.incoming.exists()


def test_a_file_that_its_user_removed_meanwhile_is_left_out_and_told(job: JobDir) -> None:
    fill(job.storebase.root, "in/a", "in/b", "in/d/c")
    items = list(items_of(job.storebase.root))
    (job.storebase.root / "in/b").unlink()
    (job.storebase.root / "in/d/c").unlink()
    (job.storebase.root / "in/d").rmdir()
    copy = stage(job, iter(items))
    assert (copy.files, copy.nbytes) == (1, 4)
    assert copy.notes.lines() == tuple(
        f"left out {name!r}: it was deleted while the inputs were copied" for name in ("in/b", "in/d/c")
    )


def test_a_file_that_became_a_symbolic_link_meanwhile_is_left_out_and_told(job: JobDir, tmp_path: Path) -> None:
    fill(tmp_path, "decoy/f", data=b"secret")
    fill(job.storebase.root, "in/a", "in/d/f")
    items = list(items_of(job.storebase.root))
    (job.storebase.root / "in/a").unlink()
    (job.storebase.root / "in/a").symlink_to(tmp_path / "decoy/f")
    (job.storebase.root / "in/d").rename(tmp_path / "d")
    (job.storebase.root / "in/d").symlink_to(tmp_path / "decoy")
    copy = stage(job, iter(items))
    assert tree(job.incoming) == {}
    assert len(copy.notes.lines()) == 2


def test_a_full_disk_is_told_with_figures_and_what_was_copied_stays(job: JobDir) -> None:
    fill(job.storebase.root, "in/a", "in/b")
    copied = Copied()
    with pytest.raises(StorageFull, match=r"the disk is full: .* bytes of the inputs are copied, .* are free"):
        stage(job, kind=copied.kind("in/b", lambda: OSError(errno.ENOSPC, "No space left on device")))
    assert stage(job).kept == 1


@pytest.mark.parametrize("seen", [True, False])
def test_the_disk_s_reserve_is_not_used_up(storebase: StoreBase, seen: bool) -> None:
    """Also where a container sees the job's directory alone, and none of the service's own."""
    if seen:
        storebase.private_dir("spool")
    free = storebase.free_bytes()
    with (
        DiskQuota(storebase, storebase.root, 1 << 30) as quota,
        pytest.raises(StorageFull, match="PFCON_MIN_FREE_BYTES"),
    ):
        quota.take(free)
    with DiskQuota(storebase, storebase.root, 0) as quota:
        quota.take(1 << 60)
    with DiskQuota(storebase, storebase.root, 1) as quota:
        quota.take(1 << 20)
    assert (storebase.private / "reserved").exists() is seen


def test_a_copy_does_not_take_what_an_upload_has_reserved(storebase: StoreBase) -> None:
    storebase.private_dir("spool")
    free = storebase.free_bytes()
    with Reservation(storebase, 1) as upload, DiskQuota(storebase, storebase.root, 1) as quota:
        upload.reserve(free // 2, "the upload's bytes")
        with pytest.raises(StorageFull, match="are reserved by others"):
            quota.take(free * 3 // 4)
