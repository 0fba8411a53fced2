"""Marks of jobs, on SQLite and on a real PostgreSQL: others when a record has changed, with one query for many jobs."""

import pytest
from sqlalchemy import event

from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Journal, Phase, Record, marks
from pfcon.records.marks import read_marks
from pfcon.records.rows import IN_PHASE

PLUGIN = JobKind.PLUGIN


def claim(journal: Journal, jid: str, kind: JobKind = PLUGIN) -> Record:
    claimed = journal.claim(JobId(jid), kind, "r")
    assert isinstance(claimed, Claimed)
    return claimed.record


def test_a_mark_is_another_one_after_each_change_of_the_job_alone(journal: Journal) -> None:
    record, _ = claim(journal, "one"), claim(journal, "other")
    claim(journal, "one", JobKind.COPY)  # not asked for
    keys = {(JobId(jid), PLUGIN) for jid in ("one", "other", "unknown")}
    found = [read_marks(journal.database, keys)]
    assert found[0].keys() == {(JobId("one"), PLUGIN), (JobId("other"), PLUGIN)}
    assert read_marks(journal.database, keys) == found[0]
    assert journal.move(record, Phase.SCHEDULED)
    for values in ({"status": "started"}, {"message": "m"}, {"reason": "Cancelled"}, {"notes": "n"}):
        assert journal.update(IN_PHASE[Phase.SCHEDULED], record, dict(values))
        found.append(read_marks(journal.database, keys))
    assert journal.move(record, Phase.FINAL, status="finishedSuccessfully", message="")
    found.append(read_marks(journal.database, keys))
    assert len({one[JobId("one"), PLUGIN] for one in found}) == len(found)
    assert len({one[JobId("other"), PLUGIN] for one in found}) == 1
    journal.delete(record)
    assert read_marks(journal.database, keys).keys() == {(JobId("other"), PLUGIN)}


def test_many_jobs_need_few_queries(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "AT_ONCE", 7)
    keys = {(JobId(f"j{number}"), PLUGIN) for number in range(20)}
    for jid, _ in keys:
        claim(journal, jid)
    queries: list[str] = []
    event.listen(journal.database.engine, "before_cursor_execute", lambda *words: queries.append(words[2]))
    assert read_marks(journal.database, keys).keys() == keys
    assert len(queries) == 3
    assert read_marks(journal.database, ()) == {}
    assert len(queries) == 3
