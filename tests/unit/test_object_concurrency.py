"""How many parts of large files are under way: few to a store that takes them quickly, many to one that does not."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.memory_store import MemoryStore

from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.storage.base import Delivered
from pfcon.storage.objects import concurrency
from pfcon.storage.objects.concurrency import FEW, ConcurrencyLimit
from pfcon.storage.objects.store import Limits, Source
from pfcon.storage.objects.upload.outputs import THREADS, upload
from pfcon.testing.waiting import PATIENCE

LONG = 3600.0  # seconds


def test_few_are_under_way_while_they_end_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PAUSE", LONG)
    found = ConcurrencyLimit()
    assert [found.try_begin() for _ in range(FEW + 1)] == [*[True] * FEW, False]
    assert found.end() == FEW - 1
    assert found.try_begin()
    assert not found.try_begin()


def test_who_waits_begins_when_another_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PAUSE", LONG)
    found = ConcurrencyLimit()
    for _ in range(FEW):
        found.begin()
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(found.begin)
        assert not begun.done()
        found.end()
        begun.result(PATIENCE)
    assert found.end() == FEW - 1


def test_after_each_pause_one_more_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PAUSE", 0.01)
    found = ConcurrencyLimit()
    for _ in range(THREADS):
        found.begin()
    assert found.end() == THREADS - 1


class Crowd(MemoryStore):
    """Has large objects in parts of 1 MiB, and counts how many are sent at once; none ends before ``wanted`` are."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.wanted, self.now, self.most, self.enough = wanted, 0, 0, threading.Event()

    def limits(self) -> Limits:
        return Limits(1 << 20, 1, 1 << 20, 100)

    def received(self, name: str, source: Source, md5: str) -> bytes:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == self.wanted:
                self.enough.set()
        assert self.enough.wait(PATIENCE)
        try:
            return super().received(name, source, md5)
        finally:
            with self.lock:
                self.now -= 1


@pytest.mark.parametrize(("wait", "wanted"), [(LONG, FEW), (0.01, THREADS)])
def test_a_store_gets_as_many_parts_at_once_as_are_worth_it(
    storebase: StoreBase, monkeypatch: pytest.MonkeyPatch, wait: float, wanted: int
) -> None:
    monkeypatch.setattr(concurrency, "PAUSE", wait)
    job, data, crowd = storebase.job(JobId("j")), os.urandom(20 << 20), Crowd(wanted)
    job.outgoing.mkdir(parents=True)
    (job.outgoing / "large").write_bytes(data)
    assert upload(crowd, job, "out", lambda text: None) == Delivered(1, len(data), 1, ())
    assert crowd.most == wanted
    assert crowd.objects["out/large"].data == data
