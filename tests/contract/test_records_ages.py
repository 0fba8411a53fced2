"""What the removal of old jobs asks the records, and the records of orphans, in both databases."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.records import add, job_row

from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Journal, Phase, Record, ages, new_claim
from pfcon.records.adoption import adopt
from pfcon.records.ages import begin_of_records, ended_jids, rows_of_jids

NOW = time.time()
DAY = 24 * 3600.0
JID = JobId("j")
PLUGIN, COPY = JobKind.PLUGIN, JobKind.COPY


def adopted(journal: Journal, kind: JobKind = PLUGIN) -> Record | None:
    claim = new_claim()
    journal.live.begin(claim)
    return adopt(journal, JID, kind, claim, with_data=True)


def test_jids_are_given_oldest_first_if_all_their_jobs_have_ended_before(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = {"created_at": NOW - 11 * DAY}
    old = {**created, "finished_at": NOW - 10 * DAY}
    add(
        journal.database.engine,
        [
            *(job_row(jid, **old) for jid in ("c", "a", "young", "active", "b")),
            job_row("a", COPY, **{**old, "created_at": NOW - 10.5 * DAY}),
            job_row("young", COPY, created_at=NOW - 12 * DAY, finished_at=NOW),
            job_row("active", COPY, phase="scheduling", finished_at=None, created_at=NOW),
            job_row("removed", phase="removed", **old),
            job_row("b", COPY, phase="removed", **old),
            job_row("d", finished_at=None, created_at=NOW - 13 * DAY, changed_at=NOW - 10 * DAY),
            job_row("earlier-release", created_at=0.0, finished_at=NOW - 10 * DAY),
        ],
    )
    engine = journal.database.engine
    assert list(ended_jids(engine, NOW - DAY)) == ["earlier-release", "d", "a", "b", "c"]
    assert list(ended_jids(engine, NOW - 11 * DAY)) == []
    monkeypatch.setattr(ages, "CHUNK", 1)
    assert list(ended_jids(engine, NOW - DAY)) == ["earlier-release", "d", "a", "b", "c"]


def test_the_records_of_jids_are_found(journal: Journal) -> None:
    add(journal.database.engine, [job_row("a"), job_row("a", COPY, phase="removed", changed_at=5.0), job_row("b")])
    found = rows_of_jids(journal.database.engine, [JobId("a"), JobId("c")])
    assert found.keys() == {"a"}
    assert {kind: row.phase for kind, row in found[JobId("a")].items()} == {PLUGIN: Phase.FINAL, COPY: Phase.REMOVED}
    assert found[JobId("a")][COPY].changed_at == 5.0


@pytest.mark.parametrize("phase", ["final", "removed"])
def test_records_begin_with_the_oldest_one(journal: Journal, phase: str) -> None:
    engine = journal.database.engine
    assert begin_of_records(engine) is None
    add(engine, [job_row("new", created_at=NOW, changed_at=1.0)])
    assert begin_of_records(engine) == NOW
    add(engine, [job_row("old", phase=phase, created_at=NOW - 9, changed_at=1.0)])
    assert begin_of_records(engine) == NOW - 9
    add(engine, [job_row("earlier-release", phase=phase, created_at=0.0, changed_at=NOW - 20)])
    assert begin_of_records(engine) == NOW - 20


def test_what_has_no_record_gets_one_of_its_removal(journal: Journal) -> None:
    record = adopted(journal)
    assert record is not None
    assert record == journal.get(JID, PLUGIN)
    assert (record.phase, record.with_data, record.owned) == (Phase.REMOVING, True, True)
    assert adopted(journal) is None
    assert journal.move(record, Phase.REMOVED)
    again = adopted(journal)
    assert again is not None
    assert again == journal.get(JID, PLUGIN)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.REMOVED])
def test_a_record_is_never_replaced(journal: Journal, phase: Phase) -> None:
    found = journal.claim(JID, PLUGIN, "r", phase=phase.value)
    assert isinstance(found, Claimed)
    assert adopted(journal) is None
    current = journal.get(JID, PLUGIN)
    assert current is not None
    assert (current.claim, current.phase) == (found.record.claim, phase)


def test_of_a_post_and_a_removal_at_the_same_time_one_wins(journal: Journal) -> None:
    for number in range(20):
        jid = JobId(f"j{number}")
        with ThreadPoolExecutor(2) as pool:
            removal = pool.submit(adopt, journal, jid, PLUGIN, new_claim(), with_data=True)
            post = pool.submit(journal.claim, jid, PLUGIN, "r")
        assert (removal.result() is not None) != isinstance(post.result(), Claimed)
