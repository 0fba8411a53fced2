"""Fetching objects that change, vanish, break off or have other bytes than they should, at chosen steps."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fakes.memory_store import MemoryStore

from pfcon.errors import Refused, StorageFull, Unreachable
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Staged
from pfcon.storage.objects import concurrency, retrying
from pfcon.storage.objects.download import fetch as fetching
from pfcon.storage.objects.download import ranges, tasks, worker
from pfcon.storage.objects.store import Download, Transient
from pfcon.testing.files import tree
from pfcon.testing.waiting import eventually

DATA, OTHER = os.urandom(200_000), os.urandom(190_000)
SIZES = [40_000, 200_000]  # below and above what is fetched in ranges here


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects above 50,000 bytes are large, and come in ranges of 16 KiB; nobody waits long."""
    for module in (worker, tasks):
        monkeypatch.setattr(module, "LARGE", 50_000)
    monkeypatch.setattr(ranges, "RANGE", 1 << 14)
    monkeypatch.setattr(concurrency, "PAUSE", 0.0)
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)


class Troubled(MemoryStore):
    """Calls ``before`` before the answers to the first ``times`` downloads of in/x, and ``middle`` in their midst."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times
        self.before: Callable[[], None] = lambda: None
        self.middle: Callable[[], None] = lambda: None
        self.damages = False

    def _due(self) -> bool:
        with self.lock:
            self.times -= 1
            return self.times >= 0

    @contextmanager
    def download(self, name: str, *, start: int = 0, size: int | None = None, etag: str = "") -> Iterator[Download]:
        due = name == "in/x" and self._due()
        if due:
            self.before()
        with super().download(name, start=start, size=size, etag=etag) as download:
            yield download._replace(chunks=self._troubled(b"".join(download.chunks))) if due else download

    def _troubled(self, data: bytes) -> Iterator[bytes]:
        if self.damages:
            data = bytes([data[0] ^ 1]) + data[1:]
        yield data[: len(data) // 2]
        self.middle()
        yield data[len(data) // 2 :]

    def break_off(self) -> None:
        raise Transient("broken off")


def stage(store: MemoryStore, job: JobDir) -> Staged:
    return fetching.fetch(store, ("in",), "out", job, 0, lambda text: None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("times", [1, 7])
def test_what_breaks_off_goes_on_where_it_was(job: JobDir, size: int, times: int) -> None:
    store = Troubled(times)
    store.middle = store.break_off
    store.add("in/x", DATA[:size])
    assert stage(store, job) == Staged(1, size)
    assert tree(job.incoming) == {"x": DATA[:size]}
    requests = -(-size // (1 << 14)) if size > 50_000 else 1
    assert store.requests["get"] == requests + times


@pytest.mark.parametrize("size", SIZES)
def test_what_breaks_off_after_its_last_byte_is_whole(job: JobDir, size: int) -> None:
    class Last(Troubled):
        def _troubled(self, data: bytes) -> Iterator[bytes]:
            yield data
            raise Transient("broken off")

    store = Last(3)
    store.add("in/x", DATA[:size])
    assert stage(store, job) == Staged(1, size)
    assert tree(job.incoming) == {"x": DATA[:size]}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", ["before", "middle"])
@pytest.mark.parametrize("to", [OTHER, OTHER[:100]], ids=["large", "small"])
def test_an_object_that_is_replaced_meanwhile_is_fetched_in_its_new_version(
    job: JobDir, size: int, step: str, to: bytes
) -> None:
    store = Troubled()

    def replace() -> None:
        store.add("in/x", to)
        if step == "middle":
            store.break_off()

    setattr(store, step, replace)
    store.add("in/x", DATA[:size])
    assert stage(store, job) == Staged(1, len(to))
    assert tree(job.incoming) == {"x": to}


@pytest.mark.parametrize("size", SIZES)
def test_an_object_that_changes_all_the_time_is_refused_by_its_name(job: JobDir, size: int) -> None:
    store = Troubled(10_000)

    def replace() -> None:
        store.add("in/x", os.urandom(size))
        store.break_off()

    store.middle = replace
    store.add("in/x", DATA[:size])
    with pytest.raises(Refused, match="object 'in/x' in container 'users' in memory: it changes while it is fetched"):
        stage(store, job)
    assert not job.incoming.exists()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", ["before", "middle"])
def test_an_object_that_is_deleted_meanwhile_is_left_out_and_told(job: JobDir, size: int, step: str) -> None:
    store = Troubled()

    def delete() -> None:
        store.delete("in/x")
        if step == "middle":
            store.break_off()

    setattr(store, step, delete)
    store.add("in/x", DATA[:size])
    store.add("in/y", b"y")
    assert stage(store, job) == Staged(1, 1, ("left out 'in/x': it was deleted while the inputs were fetched",))
    assert tree(job.incoming) == {"y": b"y"}


@pytest.mark.parametrize("size", SIZES)
def test_damaged_bytes_are_fetched_again(job: JobDir, size: int) -> None:
    store = Troubled(2)
    store.damages = True
    store.add("in/x", DATA[:size])
    assert stage(store, job) == Staged(1, size)
    assert tree(job.incoming) == {"x": DATA[:size]}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("parts", [0, 30_000])
def test_an_object_whose_bytes_are_never_its_own_is_refused_by_its_name(job: JobDir, size: int, parts: int) -> None:
    store = Troubled(10_000)
    store.damages = True
    store.add("in/x", DATA[:size], parts=parts)
    with pytest.raises(Refused, match=r"object 'in/x' in .*: the bytes do not match their checksum"):
        stage(store, job)
    assert "x" not in [path.name for path in job.storebase.root.rglob("*")]


def test_a_store_that_does_not_come_back_is_unreachable(job: JobDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "Retrying", lambda report: retrying.Retrying(0.3, report))
    store = Troubled(10_000)

    def break_off_once_the_other_is_there() -> None:
        assert eventually(lambda: any(path.name == "y" for path in job.storebase.root.rglob("*")))
        store.break_off()

    store.before = break_off_once_the_other_is_there
    store.add("in/x", DATA)
    store.add("in/y", b"y")
    with pytest.raises(Unreachable, match="object 'in/x' in container 'users' in memory: broken off; gave up after"):
        stage(store, job)
    assert not job.incoming.exists()
    store.times = 0
    assert stage(store, job).notes == ("1 of 2 files were reused from an earlier attempt",)


@pytest.mark.parametrize("size", SIZES)
def test_a_full_disk_is_told_with_the_object_s_name(job: JobDir, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(fd: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", no_room)
    store = MemoryStore()
    store.add("in/x", DATA[:size])
    with pytest.raises(StorageFull, match=r"the disk is full: there is no space for object 'in/x'; .* are free"):
        stage(store, job)
    assert not job.path.exists()


def test_a_fault_ends_all_threads_soon(job: JobDir) -> None:
    store = Troubled(10_000)
    store.middle = store.break_off
    threads = set(threading.enumerate())

    def refuse() -> None:
        raise Refused("no right to read it")

    store.before = refuse
    for n in range(200):
        store.add(f"in/{n}", DATA)
    store.add("in/x", DATA)
    with pytest.raises(Refused, match="no right to read it"):
        stage(store, job)
    assert set(threading.enumerate()) <= threads
    assert not any(path.name.isdigit() and path.parent.name.endswith(".old") for path in job.path.rglob("*"))
