"""Lists of records, on SQLite and on a real PostgreSQL."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine
from support.journals import Database

from pfcon.models import JobId, JobKind, JobStatus, RunDetails
from pfcon.records import Claimed, Entry, Journal, Listing, Phase, Position, Query, Record
from pfcon.records.database import connect
from pfcon.records.listing import page_statement
from pfcon.records.removals import removing
from pfcon.records.rows import details_row
from pfcon.records.schema import jobs

BEGAN = 1.7e9
ALL = Query(1000)


def add(journal: Journal, jid: str, kind: JobKind = JobKind.PLUGIN, **values: Any) -> Record:
    """A job in the records. values: columns."""
    phase = values.pop("phase", None)
    found = journal.claim(JobId(jid), kind, "r", **values)
    assert isinstance(found, Claimed)
    if phase is not None:
        journal.move(found.record, phase)
    return found.record


@pytest.fixture
def listing(journal: Journal) -> Listing:
    return Listing(journal.database)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    made = connect(*database)
    yield made
    made.dispose()


def key(entry: Entry) -> tuple[float, str, str]:
    """What the order is by."""
    return (entry.created_at.timestamp() if entry.created_at else 0, entry.jid, entry.kind.value)


def pages(listing: Listing, query: Query, between: Callable[[], object] = lambda: None) -> list[Entry]:
    """All pages of a list. between: called after each page."""
    found: list[Entry] = []
    while True:
        page = listing.page(query)
        assert len(page.entries) <= query.limit
        assert page.entries or query.after is None
        found += page.entries
        assert len(found) < 1000
        if page.after is None:
            return found
        assert len(page.entries) == query.limit
        assert page.after == Position(*key(page.entries[-1]))
        query = replace(query, after=page.after)
        between()


def populate(journal: Journal, count: int = 60) -> None:
    """Jobs of some users and images; several are created at the same moment."""
    rng = random.Random(1)
    for number in range(count):
        values: dict[str, Any] = {
            "status": rng.choice(list(JobStatus)).value,
            "created_at": BEGAN + rng.randrange(count // 2),
            "auid": rng.choice(["chris", "Chris", "anne", None]),
            "image": rng.choice(["fnndsc/a:1", "fnndsc/a:1.0", None]),
        }
        add(journal, f"job-{number}", rng.choice(list(JobKind)), **values)


@pytest.mark.parametrize("limit", [1, 7, 20, 59, 60, 61])
def test_pages_have_each_record_once_newest_first(journal: Journal, listing: Listing, limit: int) -> None:
    populate(journal)
    found = pages(listing, Query(limit))
    assert len({(entry.jid, entry.kind) for entry in found}) == len(found) == 60
    times = [key(entry)[0] for entry in found]
    assert times == sorted(times, reverse=True)
    assert found == list(listing.page(ALL).entries)


@pytest.mark.parametrize("limit", [1, 4])
def test_jobs_that_come_and_go_between_pages_neither_repeat_nor_hide_others(
    journal: Journal, listing: Listing, limit: int
) -> None:
    populate(journal)
    rng = random.Random(2)
    before = {(entry.jid, entry.kind) for entry in listing.page(ALL).entries}
    removed: set[tuple[JobId, JobKind]] = set()
    numbers = iter(range(1000))

    def change() -> None:
        for moment in (BEGAN + 1000, BEGAN + rng.randrange(30)):
            add(journal, f"new-{next(numbers)}", created_at=moment)
        if len(removed) == 30:
            return
        gone = rng.choice(sorted(before - removed))
        record = journal.get(*gone)
        assert record is not None
        journal.delete(record) if rng.random() < 0.5 else journal.move(record, Phase.REMOVED)
        removed.add(gone)

    found = [(entry.jid, entry.kind) for entry in pages(listing, Query(limit), change)]
    assert removed
    assert len(set(found)) == len(found)
    assert before - removed <= set(found)


Wanted = Callable[[Entry], bool]
FILTERS: dict[str, tuple[Query, Wanted]] = {
    "all": (ALL, lambda entry: True),
    "status": (
        Query(1000, statuses=frozenset({JobStatus.UNDEFINED})),
        lambda entry: entry.status is JobStatus.UNDEFINED,
    ),
    "statuses": (
        Query(1000, statuses=frozenset({JobStatus.STARTED, JobStatus.FAILED})),
        lambda entry: entry.status in (JobStatus.STARTED, JobStatus.FAILED),
    ),
    "kind": (Query(1000, kinds=frozenset({JobKind.COPY})), lambda entry: entry.kind.value == "copy"),
    "kinds": (
        Query(1000, kinds=frozenset({JobKind.COPY, JobKind.DELETE})),
        lambda entry: entry.kind.value in ("copy", "delete"),
    ),
    "owner": (Query(1000, owner="chris"), lambda entry: entry.owner == "chris"),
    "image": (Query(1000, image="fnndsc/a:1"), lambda entry: entry.image == "fnndsc/a:1"),
    "text": (Query(1000, text="FNNDSC/A"), lambda entry: "fnndsc/a" in (entry.image or "")),
    "since": (Query(1000, since=datetime.fromtimestamp(BEGAN + 9, UTC)), lambda entry: key(entry)[0] >= BEGAN + 9),
    "until": (Query(1000, until=datetime.fromtimestamp(BEGAN + 9, UTC)), lambda entry: key(entry)[0] < BEGAN + 9),
    "several": (
        Query(
            1000,
            owner="chris",
            image="fnndsc/a:1",
            statuses=frozenset({JobStatus.STARTED, JobStatus.FAILED, JobStatus.SUCCEEDED}),
            since=datetime.fromtimestamp(BEGAN + 3, UTC),
        ),
        lambda entry: (
            (entry.owner, entry.image) == ("chris", "fnndsc/a:1")
            and entry.status in (JobStatus.STARTED, JobStatus.FAILED, JobStatus.SUCCEEDED)
            and key(entry)[0] >= BEGAN + 3
        ),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_leaves_what_it_says_in_the_same_order(journal: Journal, listing: Listing, name: str) -> None:
    populate(journal, 200)
    query, wanted = FILTERS[name]
    everything = listing.page(ALL).entries
    expected = [entry for entry in everything if wanted(entry)]
    assert expected
    assert (len(expected) < len(everything)) is (name != "all")
    assert list(listing.page(query).entries) == expected
    assert pages(listing, replace(query, limit=2)) == expected


def test_a_time_that_a_client_has_seen_is_a_bound(journal: Journal, listing: Listing) -> None:
    """``since`` includes it, ``until`` does not; clients see microseconds, and rows have more digits."""
    rng = random.Random(3)
    for number in range(200):
        add(journal, f"job-{number}", created_at=BEGAN + rng.random())
    for entry in listing.page(ALL).entries:
        assert entry.created_at is not None
        seen = datetime.fromisoformat(entry.created_at.isoformat())
        assert entry in listing.page(replace(ALL, since=seen)).entries
        assert entry not in listing.page(replace(ALL, until=seen)).entries


def test_a_removed_job_is_not_listed_and_one_that_is_being_removed_is(journal: Journal, listing: Listing) -> None:
    add(journal, "removed", phase=Phase.REMOVED)
    add(journal, "removing", phase=Phase.REMOVING)
    assert [entry.jid for entry in listing.page(ALL).entries] == ["removing"]
    assert listing.of_job(JobId("removed")) == ()
    assert [entry.jid for entry in listing.of_job(JobId("removing"))] == ["removing"]


def test_what_had_no_record_is_not_listed_while_it_is_removed(journal: Journal, listing: Listing) -> None:
    with removing(journal, JobId("left"), dict.fromkeys(JobKind), with_data=True) as removals:
        assert len(removals) == len(JobKind)
        assert listing.page(ALL).entries == ()
        assert listing.of_job(JobId("left")) == ()


def test_all_kinds_of_a_jid_are_found_newest_first(journal: Journal, listing: Listing) -> None:
    for number, kind in enumerate(JobKind):
        add(journal, "mine", kind, created_at=BEGAN + number)
        add(journal, "mine-too", kind)
    found = listing.of_job(JobId("mine"))
    assert {entry.jid for entry in found} == {"mine"}
    assert [entry.kind for entry in found] == list(reversed(JobKind))


def test_an_entry_has_what_is_known_of_a_job(journal: Journal, listing: Listing) -> None:
    details = RunDetails(datetime.fromtimestamp(BEGAN + 2, UTC), 3, "node-1", "sha256:abc", 5 * 2**20, 1.5)
    values: dict[str, Any] = {
        "auid": "chris",
        "image": "fnndsc/a:1",
        "status": JobStatus.FAILED.value,
        "message": "exit code 3",
    }
    times: dict[str, Any] = {"created_at": BEGAN, "staged_at": BEGAN + 1, "finished_at": BEGAN + 3}
    sizes: dict[str, Any] = {"nfiles": 7, "bytes_in": 2**40, "files_out": 8, "bytes_out": 2**41}
    add(journal, "full", **values, **times, **sizes, **details_row(details))
    (entry,) = listing.page(ALL).entries
    assert (entry.owner, entry.image, entry.status.value, entry.message) == tuple(values.values())
    moments = (entry.created_at, entry.staged_at, entry.finished_at)
    assert moments == tuple(datetime.fromtimestamp(seconds, UTC) for seconds in times.values())
    assert (entry.files_in, entry.bytes_in, entry.files_out, entry.bytes_out) == tuple(sizes.values())
    assert entry.details == details


LONG = "n" * 199
ODD = ["", LONG, LONG + "n", LONG + "nn", LONG + "no", "é" * 5000, "n\udcff", "n\\udcff", "%", "_", "'; --", "N", "n"]


@pytest.mark.parametrize("column", ["auid", "image"])
def test_an_owner_and_an_image_are_compared_exactly_whatever_they_are(
    journal: Journal, listing: Listing, column: str
) -> None:
    """Also in what is beyond the indexed characters."""
    for number, text in enumerate(ODD):
        value: dict[str, Any] = {column: text}
        add(journal, f"job-{number}", **value)
    for number, text in enumerate(ODD):
        query = replace(ALL, owner=text) if column == "auid" else replace(ALL, image=text)
        same = {f"job-{number}"} | ({"job-6", "job-7"} if "udcff" in ascii(text) else set())  # see ``storable``
        assert {entry.jid for entry in listing.page(query).entries} == same


def test_nothing_large_or_secret_is_selected() -> None:
    selected = set(page_statement(ALL).selected_columns.keys())
    assert not selected & {"logs", "spec", "request", "notes"}


INDEXES = {"owner": "jobs_by_auid", "image": "jobs_by_image", "several": "jobs_by_"}


@pytest.mark.parametrize("after", [None, Position(BEGAN + 1000, "job-1000", "plugin")], ids=["first", "next"])
@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_uses_an_index(engine: Engine, name: str, after: Position | None) -> None:
    rng = random.Random(4)
    row = {"claim": "c", "phase": "final", "request": "r", "changed_at": BEGAN}
    rows = [
        {
            **row,
            "jid": f"job-{number}",
            "kind": rng.choice(list(JobKind)).value,
            "status": rng.choice(list(JobStatus)).value,
            "created_at": BEGAN + number,
            "auid": f"user-{number % 50}",
            "image": f"image-{number % 60}",
            "logs": "line\n" * 100,
        }
        for number in range(3000)
    ]
    with engine.begin() as connection:
        connection.execute(sqlalchemy.insert(jobs), rows)
    statement = page_statement(replace(FILTERS[name][0], limit=100, after=after))
    compiled = statement.compile(engine, compile_kwargs={"render_postcompile": True})
    values: Any = compiled.params
    if compiled.positiontup is not None:
        values = tuple(values[key] for key in compiled.positiontup)
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if not sqlite:
            connection.exec_driver_sql("ANALYZE jobs")
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # it is faster for so few rows
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        plan = " ".join(str(found[-1]) for found in connection.exec_driver_sql(explain + str(compiled), values))
    assert INDEXES.get(name, "jobs_by_created") in plan, plan
    assert "Seq Scan" not in plan
    assert "TEMP B-TREE" not in plan  # SQLite's word for sorting
