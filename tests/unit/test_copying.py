"""Copying a stream of files: resuming, killing, falling back, and what happens when a file or the disk is at fault."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pfcon.errors import Refused, TooLarge
from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.copy_file import SMALL, FileCopier
from pfcon.storage.copying import TreeCopy
from pfcon.storage.tries import Room, staging_try

BIG = SMALL * 4
RANDOM = os.urandom(BIG)


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


def fill(root: Path, *names: str, data: bytes = b"data") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def items_of(root: Path) -> Iterator[StagedItem]:
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if not path.is_relative_to(root / "key-j1"):
            name = str(path.relative_to(root))
            yield StagedItem(name, name.partition("/")[2], path.stat().st_size, is_dir=False)


def stage(
    job: JobDir, items: Iterator[StagedItem] | None = None, kind: type[TreeCopy] = TreeCopy, threads: int = 1
) -> TreeCopy:
    root = job.storebase.root
    with staging_try(job) as (partial, earlier):
        copy = kind(root, partial, earlier, Room(partial, 1), Notes())
        copy.run(items or items_of(root), lambda text: None, threads=threads)
        job.complete(partial)
    return copy


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Copied(list[str]):
    """Makes copies that record what they were asked for, and fail at a name."""

    def kind(self, fails_at: str = "", fault: Callable[[], BaseException] = KeyboardInterrupt) -> type[TreeCopy]:
        copied = self

        class Recorder(FileCopier):
            def copy(self, source: int, found: os.stat_result, target: int, path: str) -> int:
                if path == fails_at:
                    os.write(target, b"d")  # half of it
                    raise fault()
                copied.append(path)
                return super().copy(source, found, target, path)

        class Recording(TreeCopy):
            copier = Recorder

        return Recording


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
        partial, _ = stack.enter_context(staging_try(job))
        fill(partial, "a")
        assert stage(job).files == 2
        with pytest.raises(FileNotFoundError):
            job.complete(partial)
    assert tree(job.incoming) == {"a": b"data", "b": b"data"}


def test_a_try_that_is_being_taken_over_can_no_longer_complete(job: JobDir) -> None:
    fill(job.storebase.root, "in/a", "in/b")
    partial = job.new_partial()
    fill(partial, "a")
    with staging_try(job) as (later, earlier):
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
        raise Refused("no")
        yield

    with pytest.raises(Refused):
        stage(job, items())
    assert not job.path.exists()


@pytest.mark.parametrize("way", ["clone", "range", "plain"])
@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, BIG])
def test_every_way_of_copying_gives_the_same_file(tmp_path: Path, way: str, size: int) -> None:
    (tmp_path / "a").write_bytes(RANDOM[:size])
    os.utime(tmp_path / "a", ns=(1, 1_234_567_890_123_456_789))
    steps: list[int] = []
    copier = FileCopier(steps.append, lambda size: None)
    copier.can_clone, copier.can_copy_range = way == "clone", way != "plain"
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        assert copier.copy(source.fileno(), os.fstat(source.fileno()), target.fileno(), "a") == size
    assert (tmp_path / "b").read_bytes() == RANDOM[:size]
    found = (tmp_path / "b").stat()
    assert found.st_mtime_ns == 1_234_567_890_123_456_789
    assert found.st_ino != (tmp_path / "a").stat().st_ino


@pytest.mark.parametrize("end", [b"tail", b""])
def test_holes_stay_holes(job: JobDir, end: bytes) -> None:
    source = job.storebase.root / "in/sparse"
    fill(source.parent, "sparse", data=b"head")
    with source.open("r+b") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"middle" + end)
    stage(job)
    copy = job.incoming / "sparse"
    assert copy.stat().st_size == 1 << 30
    assert copy.stat().st_blocks * 512 < 1 << 20
    with copy.open("rb") as file:
        assert file.read(5) == b"head\0"
        file.seek(1 << 29)
        assert file.read(11) == (b"middle" + end + bytes(9))[:11]


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
        copier = type("Always", (Growing,), {"times": 99})

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
        f"left out {name!r}: it vanished while the inputs were copied" for name in ("in/b", "in/d/c")
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
    with pytest.raises(TooLarge, match=r"the disk is full: .* bytes of the inputs are copied, .* are free"):
        stage(job, kind=copied.kind("in/b", lambda: OSError(errno.ENOSPC, "No space left on device")))
    assert stage(job).kept == 1


def test_the_disk_s_reserve_is_not_used_up(storebase: StoreBase) -> None:
    free = storebase.free_bytes()
    with pytest.raises(TooLarge, match="PFCON_MIN_FREE_BYTES"):
        Room(storebase.root, 1 << 30).take(free)
    Room(storebase.root, 0).take(1 << 60)
    Room(storebase.root, 1).take(1 << 20)


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
    fill(job.storebase.root, *(f"in/{n}" for n in range(3)), data=RANDOM)
    items = list(items_of(job.storebase.root))
    many = [StagedItem(items[n % 3].source, f"{n}", 0, is_dir=False) for n in range(150)]
    copy = stage(job, iter(many), FarTree, threads=0)
    assert copy.files == 150
    assert 2 < len(threads) <= 8


def test_no_descriptor_is_lost(job: JobDir) -> None:
    fill(job.storebase.root, *(f"in/d{n}/e/f" for n in range(50)))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(KeyboardInterrupt):
        stage(job, kind=Copied().kind("in/d40/e/f"))
    stage(job, threads=3)
    assert os.listdir("/proc/self/fd") == before


CHILD = """
import sys
from pathlib import Path, PurePosixPath
from pfcon.models import CopyRequest, JobId
from pfcon.paths import StoreBase
from pfcon.settings.model import UploadLimits
from pfcon.storage.fslink import FslinkStorage
storebase = StoreBase(Path(sys.argv[1]))
request = CopyRequest(JobId("j1"), (PurePosixPath("in"),), PurePosixPath("out"), 1000, 300)
plan = FslinkStorage(storebase, UploadLimits(0, 0, 0, 0, 0, 0)).plan(request, None)
print("go", flush=True)
print(plan.stage(storebase.job(request.jid), lambda text: None).notes, flush=True)
"""


def run_child(root: Path, kill_after: float | None) -> str:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "go\n"
        if kill_after is not None:
            time.sleep(kill_after)
            child.send_signal(signal.SIGKILL)
        told = child.stdout.read()
    child.wait()
    return told


@pytest.mark.slow
def test_killed_at_random_moments_a_copy_never_looks_complete_and_a_later_one_is(job: JobDir) -> None:
    rng = random.Random(7)
    names = [f"in/d{n % 20}/e{n % 3}/f{n}" for n in range(800)]
    for n, name in enumerate(names):
        fill(job.storebase.root, name, data=RANDOM[n : n + 7000])
    fill(job.storebase.root, "in/big", "in/d3/big", data=RANDOM * 30)
    wanted = {name.removeprefix("in/"): (job.storebase.root / name).read_bytes() for name in [*names, "in/big"]}
    wanted["d3/big"] = wanted["big"]
    kills = 0
    for _ in range(15):
        run_child(job.storebase.root, rng.uniform(0, 0.12))
        if job.incoming.exists():  # it was faster
            assert tree(job.incoming) == wanted
            job.unstage()
        else:
            kills += 1
    told = run_child(job.storebase.root, None)
    assert kills > 2
    assert "were there from an earlier try" in told
    assert tree(job.incoming) == wanted
    assert [path.name for path in job.path.iterdir()] == ["incoming"]
