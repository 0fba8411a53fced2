"""The journal's contract, on SQLite and on a real PostgreSQL."""

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from support.journals import open_journal

from pfcon.errors import Unreachable
from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Claimed, Journal, Phase, Record, lease
from pfcon.records.database import connect
from pfcon.records.schema import services

JID = JobId("chris-jid-1")
PLUGIN = JobKind.PLUGIN


def claimed(journal: Journal, request: str = "r1") -> Record:
    """One that is worked on."""
    found = journal.claim(JID, PLUGIN, request)
    assert isinstance(found, Claimed)
    journal.live.begin(found.record.claim)
    return found.record


def test_a_new_job_is_claimed_and_a_second_claim_gets_the_record(journal: Journal) -> None:
    record = claimed(journal)
    assert (record.phase, record.status, record.owned) == (Phase.STAGING, JobStatus.NOT_STARTED, True)
    assert journal.claim(JID, PLUGIN, "other") == record


def test_kinds_of_one_jid_are_different_jobs(journal: Journal) -> None:
    claimed(journal)
    assert isinstance(journal.claim(JID, JobKind.COPY, "r1"), Claimed)


def test_of_many_claims_at_once_one_wins(journal: Journal) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: journal.claim(JID, PLUGIN, "r"), range(64)))
    winners = [claim for claim in found if isinstance(claim, Claimed)]
    assert len(winners) == 1
    assert all(claim.claim == winners[0].record.claim for claim in found if isinstance(claim, Record))


def _claim_all(database: tuple[str | None, Path], count: int) -> int:
    with open_journal(database) as journal:
        return sum(isinstance(journal.claim(JobId(f"j{n}"), PLUGIN, "r"), Claimed) for n in range(count))


def test_of_several_processes_that_start_and_claim_at_once_one_wins_each_job(
    database: tuple[str | None, Path],
) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_claim_all, [(database, 50)] * 4)
    assert sum(won) == 50


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.UNDEFINED])
def test_a_job_that_ended_badly_is_replaced(journal: Journal, status: JobStatus) -> None:
    record = claimed(journal)
    journal.move(record, Phase.FINAL, status=status.value, message="boom", logs="old")
    again = journal.claim(JID, PLUGIN, "r2")
    assert isinstance(again, Claimed)
    assert again.previous is not None
    assert again.previous.message == "boom"
    assert (again.record.logs, again.record.request, again.record.phase) == ("", "r2", Phase.STAGING)


def test_a_job_that_succeeded_is_not_replaced_until_it_is_removed(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    assert isinstance(journal.claim(JID, PLUGIN, "r1"), Record)
    journal.move(record, Phase.REMOVED)
    assert isinstance(journal.claim(JID, PLUGIN, "r1"), Claimed)


def test_phases_only_move_forward_and_a_final_state_never_changes(journal: Journal) -> None:
    record = claimed(journal)
    assert journal.move(record, Phase.SCHEDULED)
    assert not journal.move(record, Phase.SCHEDULING)
    assert journal.move(record, Phase.FINAL, status=JobStatus.SUCCEEDED.value, message="first")
    assert not journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value, message="second")
    found = journal.get(JID, PLUGIN)
    assert found is not None
    assert (found.status, found.message) == (JobStatus.SUCCEEDED, "first")


def test_an_owner_that_lost_its_claim_can_write_nothing(database: tuple[str | None, Path], journal: Journal) -> None:
    record = claimed(journal)
    with open_journal(database) as other:
        assert other.take_over(record, "new") is not None
        assert journal.take_over(record, "new") is None
    assert not journal.note(record, "still me")
    assert not journal.move(record, Phase.SCHEDULING)


def test_a_job_of_a_process_that_ended_is_abandoned(database: tuple[str | None, Path], journal: Journal) -> None:
    record = claimed(journal)
    with open_journal(database) as other:
        assert other.abandoned() == []
        journal.end_lease()
        assert [found.jid for found in other.abandoned()] == [JID]
        assert other.abandoned()[0].interrupted
        with other.live.on("new"):
            taken = other.take_over(record, "new")
            assert taken is not None
            assert taken.owned
            assert other.abandoned() == []


def test_a_process_of_another_host_that_stops_renewing_is_taken_for_dead(
    database: tuple[str | None, Path], journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(lease, "_this_host", lambda: "another host")
        journal.renew_lease()
        claimed(journal)
    with open_journal(database) as other:
        assert other.abandoned() == []
        monkeypatch.setattr(time, "time", lambda: now + lease.LEASE + 1)
        assert [found.jid for found in other.abandoned()] == [JID]
        journal.renew_lease()
        assert other.abandoned() == []


def test_a_process_that_can_be_seen_to_live_keeps_its_jobs_however_late_it_renews(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = claimed(journal)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * lease.LEASE)
    assert journal.abandoned() == []
    assert journal.claim(JID, PLUGIN, "r2") == record


def _claim_and_die(database: tuple[str | None, Path]) -> None:
    with open_journal(database) as journal:
        claimed(journal)
    os._exit(0)


def _fork_and_die(database: tuple[str | None, Path]) -> None:
    opened: list[sqlalchemy.Engine] = []
    journal = Journal(lambda: opened.append(connect(*database)) or opened[-1])
    for number in range(2):
        if os.fork() == 0:
            journal.renew_lease()
            journal.claim(JobId(f"of-{number}"), PLUGIN, "r")
            os._exit(0 if len(opened) == 1 else 1)
    for _ in range(2):
        assert os.wait()[1] == 0


def test_a_journal_that_was_made_before_a_fork_is_another_owner_in_each_process(
    database: tuple[str | None, Path],
) -> None:
    mine = open_journal(database)
    process = multiprocessing.get_context("spawn").Process(target=_fork_and_die, args=(database,))
    process.start()
    process.join()
    assert process.exitcode == 0
    with mine as journal, mine.engine.connect() as connection:
        assert len(connection.execute(sqlalchemy.select(services.c.pid)).all()) == 3
        assert sorted(found.jid for found in journal.abandoned()) == ["of-0", "of-1"]


def test_a_process_that_was_killed_on_this_host_is_known_dead_at_once(
    database: tuple[str | None, Path], journal: Journal
) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=(database,))
    process.start()
    process.join()
    assert [found.jid for found in journal.abandoned()] == [JID]


def test_scheduled_and_final_jobs_have_no_owner_and_are_never_abandoned(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.SCHEDULED)
    journal.end_lease()
    assert journal.abandoned() == []


def test_a_job_that_its_living_owner_works_on_no_more_is_abandoned_to_that_owner(
    database: tuple[str | None, Path], journal: Journal
) -> None:
    with journal.live.on("c"):
        found = journal.claim(JID, PLUGIN, "r", claim="c")
        assert isinstance(found, Claimed)
        assert journal.abandoned() == []
        with journal.live.on("c"):  # handed over to another thread, say
            pass
        assert journal.abandoned() == []
    assert [found.claim for found in journal.abandoned()] == ["c"]
    with open_journal(database) as other:
        assert other.abandoned() == []  # it can't know


def test_a_claim_is_not_abandoned_before_the_lease_of_its_owner_was_written(database: tuple[str | None, Path]) -> None:
    with open_journal(database) as other:
        journal = Journal(lambda: other._database)
        assert isinstance(journal.claim(JID, PLUGIN, "r"), Claimed)
        assert other.abandoned() == []


def test_sqlite_overwrites_what_is_deleted(tmp_path: Path) -> None:
    engine = connect(None, tmp_path)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    engine.dispose()


def test_a_forgotten_claim_leaves_no_row(journal: Journal) -> None:
    journal.delete(claimed(journal))
    assert journal.get(JID, PLUGIN) is None


def test_texts_of_any_kind_come_back_as_they_were(journal: Journal) -> None:
    record = claimed(journal)
    logs = "é\n\t😀\\ 'quoted' " * 1000
    journal.move(record, Phase.FINAL, logs=logs, status=JobStatus.FAILED.value, finished_at=1.5)
    found = journal.get(JID, PLUGIN)
    assert found is not None
    assert found.logs == logs
    assert found.finished_at is not None
    assert found.finished_at.timestamp() == 1.5


def test_texts_that_a_database_would_refuse_are_made_plain(journal: Journal) -> None:
    record = claimed(journal)
    journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value, message="n\udcff\0.", notes="\udc80")
    found = journal.get(JID, PLUGIN)
    assert found is not None
    assert (found.message, found.notes) == ("n\\udcff\ufffd.", ("\\udc80",))


def test_a_database_that_is_away_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="database"):
        Journal(lambda: connect("postgresql+psycopg://nobody@127.0.0.1:9/none", tmp_path)).get(JID, PLUGIN)
    with pytest.raises(Unreachable, match="database"):
        Journal(lambda: connect(None, tmp_path / "missing")).get(JID, PLUGIN)
