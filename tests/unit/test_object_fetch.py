"""Fetching objects as a job's inputs: whole trees, small and large objects, and tries that go on from earlier ones."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fakes.memory_store import MemoryStore

from pfcon.errors import Refused, StorageFull
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Staged
from pfcon.storage.objects import concurrency
from pfcon.storage.objects.download import ranges, tasks, worker
from pfcon.storage.objects.download.fetch import fetch
from pfcon.storage.objects.store import Download
from pfcon.testing.files import tree

DATA = os.urandom(300_000)


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects above 50,000 bytes are large, and come in ranges of 16 KiB, as many at once as there are threads."""
    for module in (worker, tasks):
        monkeypatch.setattr(module, "LARGE", 50_000)
    monkeypatch.setattr(ranges, "RANGE", 1 << 14)
    monkeypatch.setattr(concurrency, "PAUSE", 0.0)


def stage(store: MemoryStore, job: JobDir, *inputs: str, reserve: int = 0) -> Staged:
    return fetch(store, inputs or ("in",), "out", job, reserve, lambda text: None)


def test_objects_become_files_and_links_what_they_stand_for(store: MemoryStore, job: JobDir) -> None:
    for name, data in {
        "in/a": b"A",
        "in/d/e/f": DATA,
        "in/none": b"",
        "in/l.chrislink": b"home/bob",
        "home/bob/g": b"G",
        "home/bobby/h": b"H",
    }.items():
        store.add(name, data)
    store.add("in/empty/")
    staged = stage(store, job, "in", "gone")
    assert staged == Staged(4, len(DATA) + 2, ("input 'gone' does not exist",))
    assert tree(job.incoming) == {"a": b"A", "d/e/f": DATA, "none": b"", "home_bob/g": b"G"}
    assert (job.incoming / "empty").is_dir()
    assert os.listdir(job.path) == ["incoming"]


def test_files_are_for_all_to_read_whatever_the_umask(store: MemoryStore, job: JobDir) -> None:
    store.add("in/d/f", b"x")
    before = os.umask(0o077)
    try:
        stage(store, job)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (job.incoming, *job.incoming.rglob("*"))} == {0o755, 0o644}
    assert (job.incoming / "d/f").stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("size", [50_000, 50_001, 65_536, 65_537, 300_000])
@pytest.mark.parametrize("parts", [0, 10_000, 16_384, 70_000])
def test_a_large_object_comes_in_ranges(store: MemoryStore, job: JobDir, size: int, parts: int) -> None:
    store.add("in/big", DATA[:size], parts=parts)
    store.add("in/small", b"x")
    assert stage(store, job) == Staged(2, size + 1)
    assert tree(job.incoming) == {"big": DATA[:size], "small": b"x"}
    assert store.requests["get"] == 1 + (-(-size // 16384) if size > 50_000 else 1)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("lead", [1, 2, 3])
def test_ranges_wait_for_what_is_verified(
    store: MemoryStore, job: JobDir, lead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "LEAD", lead)
    monkeypatch.setattr(tasks, "TICK", 0.001)
    monkeypatch.setattr("fakes.memory_store.CHUNK", 1000)
    for n in range(5):
        store.add(f"in/{n}", DATA[n:])
    assert stage(store, job).nfiles == 5
    assert tree(job.incoming) == {str(n): DATA[n:] for n in range(5)}


@pytest.mark.usefixtures("small_ranges")
def test_many_large_objects_come_at_once(store: MemoryStore, job: JobDir) -> None:
    for n in range(20):
        store.add(f"in/{n}", DATA[n:])
    assert stage(store, job).nfiles == 20
    assert tree(job.incoming) == {str(n): DATA[n:] for n in range(20)}


class Interrupted(MemoryStore):
    """Fails for good at a name."""

    fails_at = ""

    @contextmanager
    def download(self, name: str, *, start: int = 0, size: int | None = None, etag: str = "") -> Iterator[Download]:
        with super().download(name, start=start, size=size, etag=etag) as download:
            if name == self.fails_at:
                raise Refused(f"no right to read {name}")
            yield download


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("parts", [0, 10_000])
def test_a_later_try_fetches_what_is_missing(job: JobDir, parts: int) -> None:
    store = Interrupted()
    for n in range(40):
        store.add(f"in/{n:02}", DATA[: 1000 + n], parts=(n % 2) * 400)
    store.add("in/big", DATA, parts=parts)
    store.fails_at = "in/big"
    with pytest.raises(Refused, match="no right to read in/big"):
        stage(store, job)
    assert not job.incoming.exists()
    there = sum(len(tree(path)) for path in job.path.iterdir())
    assert there > 0
    store.fails_at = ""
    store.requests.clear()
    staged = stage(store, job)
    assert staged.nfiles == 41
    assert staged.notes == (f"{there} of 41 files were reused from an earlier attempt",)
    assert store.requests["get"] == 40 - there + 19
    assert tree(job.incoming) == {f"{n:02}": DATA[: 1000 + n] for n in range(40)} | {"big": DATA}
    assert os.listdir(job.path) == ["incoming"]


def test_staged_inputs_that_are_taken_back_are_not_fetched_again(store: MemoryStore, job: JobDir) -> None:
    store.add("in/a", DATA)
    store.add("in/b", DATA, parts=7000)
    stage(store, job)
    job.unstage()
    store.requests.clear()
    assert stage(store, job).notes == ("2 of 2 files were reused from an earlier attempt",)
    assert store.requests == {"list": 1, "describe": 1}


def test_a_file_that_is_not_the_object_any_more_is_fetched_anew(store: MemoryStore, job: JobDir) -> None:
    for name in ("a", "b", "c", "d"):
        store.add(f"in/{name}", b"old" + name.encode())
    stage(store, job)
    job.unstage()
    store.add("in/a", b"newa")
    store.delete("in/b")
    old = next(job.path.iterdir())
    (old / "c").write_bytes(b"Oldc")  # damaged on the disk
    store.add("in/d", b"new", checked=False)
    staged = stage(store, job)
    assert tree(job.incoming) == {"a": b"newa", "c": b"oldc", "d": b"new"}
    assert "from an earlier attempt" not in "".join(staged.notes)


def test_what_could_be_checked_by_its_size_alone_is_told_once(store: MemoryStore, job: JobDir) -> None:
    for n in range(5):
        store.add(f"in/{n}", b"x" * n, checked=False)
    assert stage(store, job).notes == (
        "4 of 5 files could be verified only by their sizes: container 'users' in memory returns no checksum of these"
        " objects",
    )


def test_the_disk_s_reserve_is_not_used_up(store: MemoryStore, job: JobDir) -> None:
    store.add("in/a", b"x")
    with pytest.raises(StorageFull, match="PFCON_MIN_FREE_BYTES"):
        stage(store, job, reserve=1 << 60)
    assert not job.path.exists()


def test_a_try_that_was_killed_leaves_nothing_that_the_next_one_does_not_remove(
    store: MemoryStore, job: JobDir
) -> None:
    store.add("in/a", b"new")
    job.new_partial()
    (job.new_scratch() / "0").write_bytes(b"ne")
    assert stage(store, job).nfiles == 1
    assert os.listdir(job.path) == ["incoming"]


def test_nothing_is_lost_of_threads_and_descriptors(store: MemoryStore, job: JobDir, small_ranges: None) -> None:
    for n in range(30):
        store.add(f"in/d{n}/f", DATA[:100_000])
    descriptors, threads = set(os.listdir("/proc/self/fd")), set(threading.enumerate())
    stage(store, job)
    assert set(os.listdir("/proc/self/fd")) <= descriptors
    assert set(threading.enumerate()) <= threads
