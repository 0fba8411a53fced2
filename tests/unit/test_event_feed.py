"""The feed and the text of event streams: polls, memory, gaps, heartbeats and ends."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pfcon.api import event_stream, server_sent
from pfcon.api.event_query import EventQuery
from pfcon.errors import Unreachable
from pfcon.events import feed as feeding
from pfcon.events.feed import Feed
from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Journal
from pfcon.records.database import connect
from pfcon.records.events import Batch, EventLog
from pfcon.testing.waiting import eventually


class CountingLog(EventLog):
    """Counts what is read, and fails when it shall."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal.database)
        self.reads = 0
        self.fault: Exception | None = None

    def read(self, after: int, limit: int) -> Batch:
        self.reads += 1
        if self.fault:
            raise self.fault
        return super().read(after, limit)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    engine = connect(None, tmp_path)
    yield Journal(lambda: engine)
    engine.dispose()


@pytest.fixture
def log(journal: Journal) -> CountingLog:
    return CountingLog(journal)


@pytest.fixture
def feed(log: CountingLog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """A feed that polls often."""
    monkeypatch.setattr(feeding, "POLL", 0.05)
    yield Feed(log)
    assert eventually(lambda: all(thread.name != "events" for thread in threading.enumerate()))


def add(journal: Journal, number: int) -> None:
    """Events of so many jobs, one for each."""
    for _ in range(number):
        assert isinstance(journal.claim(JobId(f"j{time.monotonic_ns()}"), JobKind.PLUGIN, "r"), Claimed)


def ids_after(feed: Feed, number: int, count: int) -> list[int]:
    """The numbers of the next events."""
    found: list[int] = []

    def are_read() -> bool:
        found.extend(event.id for event in feed.read_after(found[-1] if found else number).events)
        return len(found) >= count

    assert eventually(are_read)
    return found


def test_all_readers_share_one_poll_and_without_readers_there_is_none(
    feed: Feed, log: CountingLog, journal: Journal
) -> None:
    with feed.reading(), feed.reading(), feed.reading():
        begun, before = time.monotonic(), log.reads
        time.sleep(1)
        assert log.reads - before <= (time.monotonic() - begun) / feeding.POLL + 1
        add(journal, 2)
        before = log.reads
        assert [ids_after(feed, 0, 2) for _ in range(3)] == [[1, 2]] * 3
        assert log.reads - before < 6  # from memory
    assert eventually(lambda: all(thread.name != "events" for thread in threading.enumerate()))
    before = log.reads
    time.sleep(5 * feeding.POLL)
    assert log.reads == before
    add(journal, 1)
    with feed.reading() as now:
        assert now.last == 3
        add(journal, 1)
        assert ids_after(feed, now.last, 1) == [4]


def test_what_is_no_longer_in_memory_comes_from_the_database(
    feed: Feed, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "RECENT", 5)
    monkeypatch.setattr(feeding, "BATCH", 3)
    small = Feed(EventLog(journal.database))
    add(journal, 2)
    with small.reading():
        add(journal, 10)
        assert ids_after(small, 11, 1) == [12]
        for start in range(12):
            assert ids_after(small, start, 12 - start) == list(range(start + 1, 13))
    assert len(small._recent) == 5


def test_a_feed_goes_on_after_the_database_was_away(
    feed: Feed, log: CountingLog, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    with feed.reading() as now:
        log.fault = Unreachable("the database is away")
        before = log.reads
        assert eventually(lambda: log.reads > before + 3)
        assert feed.read_after(now.last).events == ()
        log.fault = None
        add(journal, 1)
        assert ids_after(feed, now.last, 1) == [1]
    assert caplog.text.count("the database is away") == 1


def test_a_stream_begins_only_if_the_database_answers(feed: Feed, log: CountingLog) -> None:
    log.fault = Unreachable("away")
    with pytest.raises(Unreachable):
        next(event_stream.stream(feed, EventQuery(None)))


def test_a_stream_without_events_has_heartbeats_with_its_position_and_ends(
    feed: Feed, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]  # seconds
    monkeypatch.setattr(server_sent, "time", SimpleNamespace(monotonic=lambda: now[0]))
    stream = event_stream.stream(feed, EventQuery(None, jids=frozenset({JobId("x")})))
    assert next(stream) == b"retry: 2000\nid: 0\n\n"
    add(journal, 3)  # of other jobs: its client need not ask for them again
    assert ids_after(feed, 0, 3) == [1, 2, 3]
    now[0] += server_sent.HEARTBEAT - 0.1
    assert next(stream) == b""  # a source never waits
    now[0] += 0.1
    assert next(stream) == b": heartbeat\nid: 3\n\n"
    assert next(stream) == b""
    now[0] += server_sent.DURATION
    assert not list(stream)


def test_a_client_whose_last_event_is_too_old_is_told_and_goes_on_with_what_is_there(
    feed: Feed, log: CountingLog, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(journal, 10)
    monkeypatch.setattr("pfcon.records.events.KEPT", 3)
    log.delete_old()
    stream = event_stream.stream(feed, EventQuery(4))
    assert next(stream) == b"retry: 2000\nid: 4\n\n"
    reset, *jobs = next(stream).decode().split("\n\n")[:-1]
    number, name, data = reset.split("\n")
    assert (number, name) == ("id: 7", "event: reset")
    told = json.loads(data.removeprefix("data: "))
    assert told["id"] == 7
    assert told["message"].startswith("older events were deleted, or the records were imported: ")
    assert [job.split("\n")[0] for job in jobs] == ["id: 8", "id: 9", "id: 10"]
    stream.close()
    kept = event_stream.stream(feed, EventQuery(7))
    next(kept)
    assert next(kept).startswith(b"id: 8\nevent: job\n")
    kept.close()
    journal.database.engine.dispose()


def test_a_stream_ends_when_what_its_client_lacks_can_not_be_read(
    feed: Feed, log: CountingLog, journal: Journal
) -> None:
    add(journal, 3)
    stream = event_stream.stream(feed, EventQuery(0))
    next(stream)
    log.fault = Unreachable("away")
    assert list(stream) == []
