"""Events of jobs, on SQLite and on a real PostgreSQL: one for each change of a status, none is skipped by a reader."""

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text, update
from support.journals import Database, open_journal
from support.postgresql import own_schema

from pfcon.models import JobId, JobInfo, JobKind, JobStatus
from pfcon.reasons import Reason
from pfcon.records import Claimed, Journal, Phase, Place, Record, events
from pfcon.records.cancellations import end_cancelled
from pfcon.records.events import KEEP, MESSAGE, Event, EventLog
from pfcon.records.removals import removing
from pfcon.records.rows import TOLD
from pfcon.records.schema import event_counter
from pfcon.records.schema import events as table
from pfcon.testing.waiting import eventually

JID = JobId("chris-jid-1")
PLUGIN = JobKind.PLUGIN


def claimed(journal: Journal, jid: JobId = JID, request: str = "r1", **values: Any) -> Record:
    found = journal.claim(jid, PLUGIN, request, **values)
    assert isinstance(found, Claimed)
    journal.live.begin(found.record.claim)
    return found.record


def read_all(journal: Journal, after: int = 0) -> tuple[Event, ...]:
    return EventLog(journal.database).read(after, 1000).events


def statuses(journal: Journal, jid: JobId = JID) -> list[str]:
    return [found.status for found in read_all(journal) if found.jid == jid]


def test_a_job_that_is_removed_again_when_its_event_is_deleted_has_no_other_one(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    journal.move(record, Phase.REMOVED)
    with journal.database.engine.begin() as connection:
        connection.execute(table.delete())
    with removing(journal, JID, {PLUGIN: journal.get(JID, PLUGIN)}, with_data=True) as removals:
        assert [journal.move(removal, Phase.REMOVED) for removal in removals] == [True]
    assert statuses(journal) == []


def test_each_change_of_a_status_has_one_event(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.SCHEDULING, spec="")
    journal.note(record, "asking")
    journal.move(record, Phase.SCHEDULED, status=JobStatus.NOT_STARTED.value)
    for number in range(3):
        current = journal.get(JID, PLUGIN)
        assert current is not None
        journal.save_status(current, JobInfo("j", JobStatus.STARTED, ""), f"log {number}")
    journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value, message="exit 3", reason="Error", exit_code=3)
    journal.move(record, Phase.REMOVING, message="being removed")
    journal.move(record, Phase.REMOVED, message="removed")
    found = read_all(journal)
    assert [one.status for one in found] == ["notStarted", "started", "finishedWithError", "removed"]
    assert [one.id for one in found] == [1, 2, 3, 4]
    assert {(one.jid, one.kind) for one in found} == {(JID, PLUGIN)}
    assert len({one.created_at for one in found}) == 1
    assert (found[2].message, found[2].reason, found[2].exit_code) == ("exit 3", "Error", 3)
    assert [one.reason for one in found if one is not found[2]] == ["", "", ""]
    times = [one.at for one in found]
    assert None not in times
    assert times == sorted(times, key=str)


def test_two_processes_that_see_the_same_change_write_one_event(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.SCHEDULED)
    before = journal.get(JID, PLUGIN)
    assert before is not None
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: journal.save_status(before, JobInfo("j", JobStatus.STARTED, ""), str(n)), range(16)))
    assert statuses(journal) == ["notStarted", "started"]


def test_a_state_that_the_engine_does_not_know_at_the_moment_has_no_event(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.SCHEDULED, status=JobStatus.STARTED.value)
    for status in (JobStatus.UNDEFINED, JobStatus.STARTED):
        current = journal.get(JID, PLUGIN)
        assert current is not None
        journal.save_status(current, JobInfo("j", status, ""), "")
    assert statuses(journal) == ["notStarted", "started"]
    journal.move(record, Phase.FINAL, status=JobStatus.UNDEFINED.value)
    assert statuses(journal) == ["notStarted", "started", "undefined"]


def test_a_job_that_ends_in_a_state_that_was_recorded_before_has_its_end(journal: Journal) -> None:
    """As an operation that was interrupted too often: its state was unknown before."""
    record = claimed(journal)
    journal.move(record, Phase.SCHEDULED, status=JobStatus.STARTED.value)
    journal.save_status(_read(journal), JobInfo("j", JobStatus.UNDEFINED, "node lost"), "")
    unknown = _read(journal)
    assert unknown.status is JobStatus.UNDEFINED
    assert statuses(journal) == ["notStarted", "started"]
    assert journal.move(unknown, Phase.FINAL, status=JobStatus.UNDEFINED.value, message="interrupted in 5 runs")
    assert statuses(journal) == ["notStarted", "started", "undefined"]
    assert not journal.move(unknown, Phase.FINAL, status=JobStatus.UNDEFINED.value)
    assert statuses(journal) == ["notStarted", "started", "undefined"]


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.UNDEFINED])
def test_the_end_of_an_attempt_that_an_earlier_release_has_begun_has_an_event(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, status: JobStatus
) -> None:
    """In a rolling restart: the earlier release writes no events."""
    journal.move(claimed(journal), Phase.FINAL, status=status.value, message="first")
    with monkeypatch.context() as earlier:
        earlier.setattr("pfcon.records.journal.add_event", lambda *_: None)
        journal.move(claimed(journal), Phase.SCHEDULED)
    journal.move(_read(journal), Phase.FINAL, status=status.value, message="second")
    ends = [(one.status, one.message) for one in read_all(journal) if one.status == status]
    assert ends == [(status, "first"), (status, "second")]


def _read(journal: Journal) -> Record:
    found = journal.get(JID, PLUGIN)
    assert found is not None
    return found


def test_a_change_that_is_not_written_has_no_event(journal: Journal) -> None:
    record = claimed(journal)
    assert journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    assert not journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value)
    journal.save_status(record, JobInfo("j", JobStatus.STARTED, ""), "")
    assert isinstance(journal.claim(JID, PLUGIN, "r1"), Record)
    assert statuses(journal) == ["notStarted", "finishedSuccessfully"]


def test_a_claim_that_is_refused_has_no_event(journal: Journal) -> None:
    place = Place("home/u/out", "home/u/out", writable=True)
    assert isinstance(journal.claim(JID, PLUGIN, "r1", [place]), Claimed)
    other = JobId("other")
    assert not isinstance(journal.claim(other, PLUGIN, "r1", [place]), Claimed)
    assert statuses(journal, other) == []


def test_each_attempt_of_a_job_has_its_own_events(journal: Journal) -> None:
    for request in ("r1", "r2"):
        record = claimed(journal, request=request)
        journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value)
    assert statuses(journal) == ["notStarted", "finishedWithError"] * 2
    assert len({one.created_at for one in read_all(journal)}) == 2


def test_an_operation_that_runs_again_is_started_once(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.SCHEDULED, status=JobStatus.STARTED.value)
    current = journal.get(JID, PLUGIN)
    assert current is not None
    journal.begin_again(current, "c" * 32, status=JobStatus.STARTED.value)
    assert statuses(journal) == ["notStarted", "started"]


def test_a_job_that_is_skipped_or_cancelled_or_rolled_back_has_its_end(journal: Journal) -> None:
    claimed(journal, phase=Phase.FINAL.value, status=JobStatus.SUCCEEDED.value, owner=None)
    assert statuses(journal) == ["finishedSuccessfully"]
    cancelled = claimed(journal, JobId("cancelled"))
    journal.move(cancelled, Phase.REMOVING)
    end_cancelled(journal, cancelled)
    assert statuses(journal, JobId("cancelled")) == ["notStarted", "finishedWithError"]
    assert read_all(journal)[-1].reason == Reason.CANCELLED
    refused = claimed(journal, JobId("refused"))
    journal.delete(refused)
    journal.delete(refused)
    assert statuses(journal, JobId("refused")) == ["notStarted", "removed"]


def test_the_removal_of_what_has_no_record_has_no_events(journal: Journal) -> None:
    with removing(journal, JID, dict.fromkeys(JobKind), with_data=True) as removals:
        assert removals
        for removal in removals:
            assert journal.move(removal, Phase.REMOVED, message="removed")
    with removing(journal, JobId("other"), {PLUGIN: None}, with_data=False) as (placeholder,):
        journal.delete(placeholder)
    assert read_all(journal) == ()
    record = claimed(journal)
    journal.move(record, Phase.REMOVED)
    assert statuses(journal) == ["notStarted", "removed"]


def test_texts_are_bounded_and_storable(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value, message="\0é" * MESSAGE)
    assert len(read_all(journal)[-1].message) == MESSAGE


def test_an_event_is_written_with_its_change_or_not_at_all(journal: Journal) -> None:
    record = claimed(journal)

    def break_off(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO events"):
            raise OSError("killed here")

    event.listen(journal.database.engine, "before_cursor_execute", break_off)
    with pytest.raises(OSError, match="killed here"):
        journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    event.remove(journal.database.engine, "before_cursor_execute", break_off)
    current = journal.get(JID, PLUGIN)
    assert current is not None
    assert current.phase is Phase.STAGING
    assert statuses(journal) == ["notStarted"]
    journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    assert [one.id for one in read_all(journal)] == [1, 2]  # no gap


def test_a_reader_does_not_skip_the_event_of_a_transaction_that_commits_late() -> None:
    """With a sequence, the second one would get number 2 and commit first."""
    with own_schema() as url, open_journal((url, Path())) as journal, ThreadPoolExecutor(1) as pool:
        late = journal.database.engine.connect()
        job = {**dict.fromkeys(TOLD), "message": ""}
        events.add_event(late, {**job, "jid": "late", "kind": "plugin"}, "started")
        second = pool.submit(claimed, journal, JobId("second"))
        waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%counter%'")

        def is_waiting() -> bool:
            with journal.database.engine.connect() as connection:
                return bool(connection.execute(waits).scalar())

        assert eventually(is_waiting)
        assert read_all(journal) == ()
        late.commit()
        second.result()
        assert [(one.id, one.jid) for one in read_all(journal)] == [(1, "late"), (2, "second")]
        late.close()


def _finish_jobs(database: Database, name: str, count: int) -> None:
    with open_journal(database) as journal:
        for number in range(count):
            record = claimed(journal, JobId(f"{name}-{number}"))
            journal.move(record, Phase.SCHEDULED, status=JobStatus.STARTED.value)
            journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value)


def test_a_reader_beside_several_writing_processes_sees_each_event_once_and_in_order(database: Database) -> None:
    seen: list[Event] = []
    with open_journal(database) as journal, multiprocessing.get_context("spawn").Pool(3) as pool:
        done = pool.starmap_async(_finish_jobs, [(database, f"w{number}", 20) for number in range(3)])
        while not done.ready() or read_all(journal, seen[-1].id if seen else 0):
            seen += read_all(journal, seen[-1].id if seen else 0)
        done.get()
    assert [one.id for one in seen] == list(range(1, 181))
    by_job: dict[str, list[str]] = {}
    for one in seen:
        by_job.setdefault(one.jid, []).append(one.status)
    assert len(by_job) == 60
    assert all(found == ["notStarted", "started", "finishedSuccessfully"] for found in by_job.values())


def test_old_events_are_deleted_and_readers_are_told_up_to_which(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pfcon.records.events.BATCH", 3)
    log = EventLog(journal.database)
    log.delete_old()
    assert log.read(0, 0) == events.Batch((), 0, 0)
    for number in range(10):
        claimed(journal, JobId(f"j{number}"))
    log.delete_old()
    assert log.read(0, 0).deleted == 0
    with journal.database.engine.begin() as connection:
        connection.execute(update(table).where(table.c.id <= 8).values(at=time.time() - KEEP - 1))
    log.delete_old()
    assert [one.id for one in read_all(journal)] == [9, 10]
    assert log.read(0, 0).deleted == 8
    monkeypatch.setattr("pfcon.records.events.KEPT", 1)
    log.delete_old()
    assert [one.id for one in read_all(journal)] == [10]
    with journal.database.engine.begin() as connection:
        connection.execute(update(table).values(at=0.0))
    log.delete_old()
    assert log.read(0, 10) == events.Batch((), 10, 10)
    claimed(journal)
    assert [one.id for one in read_all(journal)] == [11]
    with journal.database.engine.connect() as connection:
        assert len(connection.execute(event_counter.select()).all()) == 1
