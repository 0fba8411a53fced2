"""Lists of records, newest first, in pages.

A page begins after a position in the order, not at a number of rows: so records that are added or removed between two
pages neither repeat nor hide others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, literal, or_, select, tuple_

from pfcon.models import JobId, JobKind, JobStatus, RunDetails
from pfcon.records.faults import translating_errors
from pfcon.records.lazy import LazyDatabase
from pfcon.records.list_indexes import HEAD, LISTED, list_head
from pfcon.records.record import PLACEHOLDER, WITH_REASON, Phase
from pfcon.records.rows import details_of, moment, storable
from pfcon.records.schema import jobs


class Position(NamedTuple):
    """Where a record is in the order. created: in seconds since the epoch; 0 where it is not known."""

    created: float
    jid: str
    kind: str


@dataclass(frozen=True)
class Query:
    """Which records a page has, at most ``limit``. An empty set or None: all.

    text: in the jid, image, owner or message, whatever its case.
    since, until: aware datetimes; the job was created at ``since`` or later, and before ``until``. after: the position
    of the last record of the page before.
    """

    limit: int
    statuses: frozenset[JobStatus] = frozenset()
    kinds: frozenset[JobKind] = frozenset()
    owner: str | None = None
    image: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: Position | None = None


@dataclass(frozen=True)
class Entry:
    """What a list has of a record: no log, no command, no environment. None: not known.

    owner: the user in ChRIS. Times are aware datetimes in UTC. files_in, bytes_in: of the staged inputs.
    claim: as in ``Record``. reason: as in ``JobInfo``.
    """

    jid: JobId
    kind: JobKind
    claim: str
    status: JobStatus
    message: str
    reason: str
    image: str | None
    owner: str | None
    created_at: datetime | None
    staged_at: datetime | None
    finished_at: datetime | None
    details: RunDetails
    files_in: int
    bytes_in: int | None
    files_out: int | None
    bytes_out: int | None


@dataclass(frozen=True)
class Page:
    """Some records, and the position after which the next page begins; None at the end of the list."""

    entries: tuple[Entry, ...]
    after: Position | None


class Listing:
    """Reads lists of the records that are not removed, and no placeholders. Thread-safe. Methods raise Unreachable."""

    def __init__(self, database: LazyDatabase) -> None:
        self._database = database

    def page(self, query: Query) -> Page:
        """Return the page that a query describes."""
        rows = self._rows(page_statement(query))
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        return Page(tuple(map(_entry, rows)), _position(rows[-1]) if more else None)

    def of_job(self, jid: JobId) -> tuple[Entry, ...]:
        """Return the records of all kinds of a jid, newest first."""
        return tuple(map(_entry, self._rows(_NEWEST_FIRST.where(jobs.c.jid == jid))))

    def _rows(self, statement: Select[Any]) -> list[Mapping[Any, Any]]:
        with translating_errors(), self._database.engine.connect() as connection:
            return list(connection.execute(statement).mappings())


_KEY = (jobs.c.created_at, jobs.c.jid, jobs.c.kind)
_COLUMNS = (
    *(*_KEY, jobs.c.claim, jobs.c.status, jobs.c.message, jobs.c.image, jobs.c.auid, jobs.c.finished_at, jobs.c.nfiles),
    *(jobs.c.staged_at, jobs.c.bytes_in, jobs.c.files_out, jobs.c.bytes_out, jobs.c.reason, jobs.c.phase),
    *(jobs.c[name] for name in vars(RunDetails())),
)
_HALF_A_MICROSECOND = 0.5e-6  # clients see times that are rounded to microseconds, and send these back
_NEWEST_FIRST = (
    select(*_COLUMNS).where(LISTED, jobs.c.request != PLACEHOLDER).order_by(*(column.desc() for column in _KEY))
)


def page_statement(query: Query) -> Select[Any]:
    """Return the statement for a page and, to see whether there is more, one row after it."""
    statement = _NEWEST_FIRST.limit(query.limit + 1)
    for column, texts in ((jobs.c.status, query.statuses), (jobs.c.kind, query.kinds)):
        if texts:
            statement = statement.where(column.in_(sorted(texts)))
    for column, text in ((jobs.c.auid, query.owner), (jobs.c.image, query.image)):
        if text is not None:
            statement = statement.where(*_is(column, storable({"text": text})["text"]))
    if query.text is not None:
        statement = statement.where(_has(storable({"text": query.text})["text"]))
    if query.since is not None:
        statement = statement.where(jobs.c.created_at >= query.since.timestamp() - _HALF_A_MICROSECOND)
    if query.until is not None:
        statement = statement.where(jobs.c.created_at < query.until.timestamp() - _HALF_A_MICROSECOND)
    if query.after is not None:
        statement = statement.where(tuple_(*_KEY) < tuple_(*query.after))
    return statement


def _has(text: str) -> ColumnElement[bool]:
    """Return whether a text is anywhere in what lists are searched for."""
    searched = (jobs.c.jid, jobs.c.image, jobs.c.auid, jobs.c.message)
    return or_(*(column.icontains(text, autoescape=True) for column in searched))


def _is(column: ColumnElement[str], text: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a text that the indexes have; if that is all of it, then no more than needed."""
    same_head = list_head(column) == list_head(literal(text))
    return (same_head,) if len(text) < HEAD else (same_head, column == text)


def _position(row: Mapping[Any, Any]) -> Position:
    return Position(row["created_at"], row["jid"], row["kind"])


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry(
        jid=JobId(row["jid"]),
        kind=JobKind(row["kind"]),
        claim=row["claim"],
        status=JobStatus(row["status"]),
        message=row["message"],
        reason=(row["reason"] or "") if Phase(row["phase"]) in WITH_REASON else "",
        image=row["image"],
        owner=row["auid"],
        created_at=moment(row["created_at"] or None),
        staged_at=moment(row["staged_at"]),
        finished_at=moment(row["finished_at"]),
        details=details_of(row),
        files_in=row["nfiles"],
        bytes_in=row["bytes_in"],
        files_out=row["files_out"],
        bytes_out=row["bytes_out"],
    )
