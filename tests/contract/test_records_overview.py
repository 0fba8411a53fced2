"""Listing records, and deleting those of jobs that ended long ago, in both databases."""

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.journals import Database
from support.postgresql import own_schema
from support.records import add, job_row, peak_memory, place_row, rows_of

from pfcon.models import JobKind
from pfcon.records import Phase
from pfcon.records.database import connect
from pfcon.records.overview import BATCH, Selection, Summary, count_in_use, count_jobs, list_records, prunable, prune
from pfcon.records.record import PLACEHOLDER

NOW = time.time()
DAY = 24 * 3600.0
ALL = Selection()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    if request.param == "sqlite":
        yield from _opened((None, tmp_path))
    else:
        with own_schema() as url:
            yield from _opened((url, tmp_path))


def _opened(database: Database) -> Iterator[Engine]:
    made = connect(*database)
    yield made
    made.dispose()


def names(engine: Engine, selection: Selection = ALL) -> list[str]:
    return [record.jid for record in list_records(engine, selection)]


def some(engine: Engine) -> None:
    add(
        engine,
        [
            job_row("first", created_at=NOW - 30, auid="ann", status="finishedWithError"),
            job_row("third", created_at=NOW - 10, auid="bob"),
            job_row("old", created_at=0, changed_at=NOW - 40),
            job_row("second", JobKind.COPY, created_at=NOW - 20, auid="ann"),
            job_row("gone", phase="removed", created_at=NOW - 50),
            job_row("runs", phase="scheduled", status="started", finished_at=None, created_at=NOW - 1),
        ],
    )


def test_records_are_listed_newest_first(engine: Engine) -> None:
    some(engine)
    assert names(engine) == ["runs", "third", "second", "first", "old", "gone"]
    assert names(engine, Selection(limit=2)) == ["runs", "third"]


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(status="finishedSuccessfully"), ["third", "second", "old"]),
        (Selection(status="started"), ["runs"]),
        (Selection(status="removed"), ["gone"]),
        (Selection(kind="copy"), ["second"]),
        (Selection(owner="ann"), ["second", "first"]),
        (Selection(owner="ann", kind="plugin"), ["first"]),
        (Selection(owner="ANN"), []),
    ],
)
def test_a_selection_lists_only_what_it_names(engine: Engine, selection: Selection, found: list[str]) -> None:
    some(engine)
    assert names(engine, selection) == found


def test_a_placeholder_is_not_listed(engine: Engine) -> None:
    add(engine, [job_row("left", phase=Phase.REMOVING.value, request=PLACEHOLDER)])
    assert names(engine) == []


def test_a_listed_record_has_its_times_and_no_log(engine: Engine) -> None:
    add(engine, [job_row("j", created_at=1.5, finished_at=2.5, auid="ann", image="i", logs="secret")])
    (record,) = list_records(engine, ALL)
    assert (record.created and record.created.timestamp(), record.finished and record.finished.timestamp()) == (
        1.5,
        2.5,
    )
    assert (record.kind, record.status, record.owner, record.image) == ("plugin", "finishedSuccessfully", "ann", "i")
    assert "secret" not in str(record)


def _list(url: str, directory: Path) -> float:
    """Read a list; how much the memory of this process has grown, in MiB. Also counts that of libraries in C."""
    engine = connect(url, directory)
    assert len(names(engine, Selection(limit=1))) == 1  # which loads what is loaded once
    before = peak_memory()
    assert sum(1 for _ in list_records(engine, ALL)) == 20_000
    after = peak_memory()
    engine.dispose()
    return after - before


def test_a_list_does_not_hold_the_records(engine: Engine, tmp_path: Path) -> None:
    for start in range(0, 20_000, 1000):
        add(engine, [job_row(f"j{start + n}", image="i" * 2000, auid=str(n)) for n in range(1000)])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        grown = pool.apply(_list, (engine.url.render_as_string(hide_password=False), tmp_path))
    assert grown < 20


def pruned(engine: Engine, before: float) -> list[Summary]:
    """What ``prune`` deletes, which is what it says before."""
    announced = list(prunable(engine, before))
    found = list(prune(engine, before))
    assert sorted(found, key=lambda one: one.jid) == sorted(announced, key=lambda one: one.jid)
    return found


def test_only_ended_and_removed_jobs_are_pruned(engine: Engine) -> None:
    """However old they are."""
    long_ago = NOW - 1000 * DAY
    add(engine, [job_row(phase.value, phase=phase.value, finished_at=long_ago, changed_at=long_ago) for phase in Phase])
    assert {record.jid for record in pruned(engine, NOW)} == {"final", "removed"}
    assert {row["jid"] for row in rows_of(engine)[0]} == {"staging", "scheduling", "scheduled", "removing"}


def test_the_end_of_a_job_decides_not_what_came_later(engine: Engine) -> None:
    add(
        engine,
        [
            job_row("before", finished_at=NOW - 11 * DAY, changed_at=NOW),
            job_row("after", finished_at=NOW - 9 * DAY, changed_at=NOW - 20 * DAY),
            job_row("never-ran", phase="removed", finished_at=None, changed_at=NOW - 11 * DAY),
            job_row("never-ran-2", phase="removed", finished_at=None, changed_at=NOW - 9 * DAY),
        ],
    )
    assert {record.jid for record in pruned(engine, NOW - 10 * DAY)} == {"before", "never-ran"}


def test_the_records_of_a_jid_that_may_still_use_a_directory_are_kept(engine: Engine) -> None:
    held = ("holds", "late", "runs")
    rows = [job_row("holds"), job_row("holds", JobKind.COPY), job_row("free"), job_row("runs", phase="scheduled")]
    add(engine, [*rows, job_row("late", finished_at=NOW + 9 * DAY)], [place_row(jid, jid) for jid in held])
    found = pruned(engine, NOW + DAY)
    assert [(record.jid, record.kind) for record in found] == [("free", "plugin")]
    assert [row["path"] for row in rows_of(engine)[1]] == ["holds", "late", "runs"]
    assert count_in_use(engine, NOW + DAY) == 2
    assert count_in_use(engine, NOW - DAY) == 0


@pytest.mark.parametrize(
    "other",
    [{"phase": "scheduled", "finished_at": None}, {"finished_at": NOW}, {"phase": "removing", "finished_at": 1.0}],
)
def test_the_records_of_a_jid_are_pruned_together(engine: Engine, other: dict[str, Any]) -> None:
    old: dict[str, Any] = {"finished_at": NOW - 10 * DAY, "changed_at": NOW - 10 * DAY}
    add(engine, [job_row("j", JobKind.COPY, **old), job_row("j", **{**old, **other}), job_row("free", **old)])
    assert [record.jid for record in pruned(engine, NOW - DAY)] == ["free"]
    assert [row["kind"] for row in rows_of(engine)[0]] == ["copy", "plugin"]


def test_more_records_than_one_transaction_deletes_are_all_pruned(engine: Engine) -> None:
    add(engine, [job_row(f"j{number}") for number in range(2 * BATCH + 1)])
    assert len(pruned(engine, NOW + DAY)) == 2 * BATCH + 1
    assert rows_of(engine) == ([], [])


def test_counts_have_the_time_of_the_oldest_job(engine: Engine) -> None:
    """Of each kind and status; a job of an earlier release has none."""
    waiting: dict[str, Any] = {"status": "notStarted", "phase": Phase.SCHEDULED.value}
    rows = [job_row(jid, **waiting, created_at=at) for jid, at in (("a", 30.0), ("b", 20.0), ("c", 0.0))]
    add(engine, [*rows, job_row("d", status="started", phase=Phase.SCHEDULED.value, created_at=0.0)])
    found = {count.status: (count.number, count.oldest) for count in count_jobs(engine)}
    assert found == {"notStarted": (3, 20.0), "started": (1, None)}
