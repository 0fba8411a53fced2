"""Copying a stream of files: resuming, taking over, and doing so in several threads."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import pytest
from support.copies import Copied, items_of, stage
from support.files import fill

from pfcon.errors import Refused
from pfcon.links import StagedItem
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.attempts import staging_attempt
from pfcon.storage.copy_file import SMALL, FileCopier
from pfcon.storage.copying import TreeCopy
from pfcon.testing.files import tree


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


def test_a_failed_copy_is_resumed_with_what_is_missing(job: JobDir) -> None:
    fill(job.storebase.root, *(f"in/d{n // 3}/f{n}" for n in range(9)), data=b"data!")
    first, second = Copied(), Copied()
    with pytest.raises(KeyboardInterrupt):
        stage(job, kind=first.kind(fails_at="in/d1/f5"))
    assert not job.incoming.exists()
    copy = stage(job, kind=second.kind())
    assert [*first, *second] == [f"in/d{n // 3}/f{n}" for n in range(9)]
    assert (copy.files, copy.nbytes, copy.kept) == (9, 45, 5)
    assert tree(job.incoming) == {f"d{n // 3}/f{n}": b"data!" for n in range(9)}
    assert [path.name for path in job.path.iterdir()] == ["incoming"]


def test_a_resumed_copy_holds_the_present_inputs_and_no_others(job: JobDir) -> None:
    root = job.storebase.root
    fill(root, "in/a", "in/b/1", "in/b/2", "in/c", "in/z")
    with pytest.raises(KeyboardInterrupt):
        stage(job, kind=Copied().kind(fails_at="in/z"))
    (root / "in/b/1").unlink()
    (root / "in/b/2").unlink()
    (root / "in/b").rmdir()
    fill(root, "in/b", "in/a", data=b"new!")  # a file where a directory was; and the same size at another time
    os.utime(root / "in/a", (1, 1))  # by its clock, a file system may have made both at one time
    copy = stage(job)
    assert tree(job.incoming) == {"a": b"new!", "b": b"new!", "c": b"data", "z": b"data"}
    assert copy.kept == 1


def test_files_are_kept_over_several_failures(job: JobDir) -> None:
    fill(job.storebase.root, *(f"in/{n}" for n in range(6)))
    copied = Copied()
    for n in (2, 4, 5):
        with pytest.raises(KeyboardInterrupt):
            stage(job, kind=copied.kind(fails_at=f"in/{n}"))
    assert stage(job, kind=copied.kind()).files == 6
    assert sorted(copied) == [f"in/{n}" for n in range(6)]


def test_a_try_that_was_taken_over_never_completes(job: JobDir) -> None:
    fill(job.storebase.root, "in/a", "in/b")
    with contextlib.ExitStack() as stack:
        partial, _ = stack.enter_context(staging_attempt(job))
        fill(partial, "a")
        assert stage(job).files == 2
        with pytest.raises(FileNotFoundError):
            job.complete(partial)
    assert tree(job.incoming) == {"a": b"data", "b": b"data"}


def test_a_try_that_is_being_taken_over_can_no_longer_complete(job: JobDir) -> None:
    fill(job.storebase.root, "in/a", "in/b")
    partial = job.new_partial()
    fill(partial, "a")
    with staging_attempt(job) as (later, earlier):
        with pytest.raises(FileNotFoundError):
            job.complete(partial)
        assert [tree(path) for path in earlier] == [{"a": b"data"}]
        job.complete(later)


def test_staged_inputs_that_are_taken_back_are_reused(job: JobDir) -> None:
    fill(job.storebase.root, "in/a", "in/b")
    stage(job)
    job.unstage()
    assert not job.incoming.exists()
    assert stage(job).kept == 2
    job.unstage()
    job.unstage()


def test_nothing_is_left_of_a_try_that_copied_nothing(job: JobDir) -> None:
    def items() -> Iterator[StagedItem]:
        yield from ()
        raise Refused("no")

    with pytest.raises(Refused):
        stage(job, items())
    assert not job.path.exists()


def test_the_umask_takes_nothing_from_what_jobs_must_read(job: JobDir) -> None:
    fill(job.storebase.root, "in/d/e/f")
    before = os.umask(0o077)
    try:
        stage(job)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (job.incoming, *job.incoming.rglob("*"))} == {0o755, 0o644}
    assert (job.incoming / "d/e/f").stat().st_mode & 0o777 == 0o644


def test_threads_are_added_where_they_wait_for_the_storage(job: JobDir) -> None:
    class Far(FileCopier):
        def copy(self, source: int, found: os.stat_result, target: int, path: str) -> int:
            time.sleep(0.02)
            threads.add(threading.get_ident())
            return super().copy(source, found, target, path)

    class FarTree(TreeCopy):
        copier = Far

    threads: set[int] = set()
    fill(job.storebase.root, *(f"in/{n}" for n in range(3)), data=bytes(SMALL * 4))
    items = list(items_of(job.storebase.root))
    many = [StagedItem(items[n % 3].source, f"{n}", 0, is_dir=False) for n in range(300)]
    copy = stage(job, iter(many), FarTree, threads=0)
    assert copy.files == 300
    assert 2 < len(threads) <= 8


def test_no_descriptor_is_lost(job: JobDir) -> None:
    fill(job.storebase.root, *(f"in/d{n}/e/f" for n in range(50)))
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyboardInterrupt):
        stage(job, kind=Copied().kind("in/d40/e/f"))
    stage(job, threads=3)
    assert set(os.listdir("/proc/self/fd")) <= before
