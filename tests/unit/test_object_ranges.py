"""How many ranges of a large object are under way: few from a store that sends quickly, many from one that does not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.memory_store import MemoryStore

from pfcon.links import StagedItem
from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.storage.objects import concurrency
from pfcon.storage.objects.concurrency import FEW
from pfcon.storage.objects.download import ranges, run, tasks, worker
from pfcon.storage.objects.download.fetch import fetch
from pfcon.storage.objects.download.ranges import LEAD, RANGE, RangedObject
from pfcon.storage.objects.download.scratch import Scratch
from pfcon.storage.objects.store import Described, Download
from pfcon.testing.files import tree
from pfcon.testing.waiting import PATIENCE

LONG = 3600.0  # seconds


@pytest.fixture
def ranged(tmp_path: Path) -> Iterator[RangedObject]:
    """An object of more ranges than may be fetched ahead, the last one short."""
    size = 2 * LEAD * RANGE - 1
    with Scratch(tmp_path) as scratch, scratch.open() as file:
        yield RangedObject(StagedItem("in/big", "big", size, is_dir=False), Described("in/big", size, "e"), file, 0)


def test_ranges_that_come_quickly_stay_few(ranged: RangedObject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PAUSE", LONG)
    assert [ranged.take() for _ in range(FEW)] == [(n * RANGE, (n + 1) * RANGE) for n in range(FEW)]
    assert ranged.take() is None
    assert not ranged.done()
    assert ranged.take() == (FEW * RANGE, (FEW + 1) * RANGE)
    assert ranged.take() is None


def test_after_each_pause_one_more_is_under_way(ranged: RangedObject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PAUSE", 0.0)
    assert [ranged.take() for _ in range(LEAD)] == [(n * RANGE, (n + 1) * RANGE) for n in range(LEAD)]
    assert ranged.take() is None  # nothing is verified yet


class Distant(MemoryStore):
    """Sends nothing of a range until that many are asked for at once."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.wanted, self.asked, self.enough = wanted, 0, threading.Event()

    @contextmanager
    def download(self, name: str, *, start: int = 0, size: int | None = None, etag: str = "") -> Iterator[Download]:
        with self.lock:
            self.asked += 1
            if self.asked == self.wanted:
                self.enough.set()
        assert self.enough.wait(PATIENCE)
        with super().download(name, start=start, size=size, etag=etag) as download:
            yield download


def test_a_distant_store_is_asked_for_as_many_as_there_are_threads(
    storebase: StoreBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (worker, tasks):
        monkeypatch.setattr(module, "LARGE", 50_000)
    monkeypatch.setattr(tasks, "TICK", 0.01)
    monkeypatch.setattr(ranges, "RANGE", 5000)
    monkeypatch.setattr(concurrency, "PAUSE", 0.01)
    store, job, data = Distant(run.THREADS), storebase.job(JobId("j1")), bytes(100_000)
    store.add("in/big", data)
    fetch(store, ("in",), "out", job, 0, lambda text: None)
    assert tree(job.incoming) == {"big": data}
