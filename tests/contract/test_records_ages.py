"""What the removal of old jobs asks the records, in both databases."""

import time
from typing import Any

import pytest
from support.records import add, job_row

from pfcon.models import JobId, JobKind
from pfcon.records import Journal, Phase, ages
from pfcon.records.ages import begin_of_records, ended_jids, states_of_jids

NOW = time.time()
DAY = 24 * 3600.0
PLUGIN, COPY = JobKind.PLUGIN, JobKind.COPY


def test_jids_are_given_oldest_first_if_all_their_jobs_have_ended_before(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = {"created_at": NOW - 11 * DAY}
    old: dict[str, Any] = {**created, "finished_at": NOW - 10 * DAY}
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
    found = states_of_jids(journal.database.engine, [JobId("a"), JobId("c")])
    assert found.keys() == {"a"}
    assert {kind: state.phase for kind, state in found[JobId("a")].items()} == {
        PLUGIN: Phase.FINAL,
        COPY: Phase.REMOVED,
    }
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
