"""Lists records for administrators, and deletes those of jobs that ended long ago."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, FromClause, and_, delete, exists, func, select, tuple_

from pfcon.records.faults import translating_errors
from pfcon.records.reading import snapshot, stream
from pfcon.records.record import PLACEHOLDER, Phase
from pfcon.records.rows import moment
from pfcon.records.schema import jobs, places

BATCH = 500  # records that are deleted in one transaction
REMOVED = Phase.REMOVED.value
"""The status that is shown for jobs that were removed, instead of the one that they had."""

_SHOWN = (
    jobs.c.jid,
    jobs.c.kind,
    jobs.c.phase,
    jobs.c.status,
    jobs.c.created_at,
    jobs.c.finished_at,
    jobs.c.auid,
    jobs.c.image,
)
_IN_USE = exists().where(places.c.jid == jobs.c.jid)
_of_jid = jobs.alias("of_jid")  # all kinds of a jid


@dataclass(frozen=True)
class Summary:
    """A record without its log. created, finished: in UTC; None if unknown. owner: the ChRIS user."""

    jid: str
    kind: str
    status: str
    created: datetime | None
    finished: datetime | None
    owner: str | None
    image: str | None


@dataclass(frozen=True)
class Selection:
    """Which records are listed; None means all. status: a job's status, or REMOVED. limit: the maximal number."""

    status: str | None = None
    kind: str | None = None
    owner: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Count:
    """How many jobs have this kind, status and reason (``""``: none).

    oldest: when the first of them was accepted, in seconds since the epoch; None: unknown.
    """

    kind: str
    status: str
    reason: str
    number: int
    oldest: float | None = None


_ACCEPTED = func.min(func.nullif(jobs.c.created_at, 0))
_COUNTS = (
    select(jobs.c.kind, jobs.c.status, func.coalesce(jobs.c.reason, ""), func.count(), _ACCEPTED)
    .where(jobs.c.phase != REMOVED, jobs.c.request != PLACEHOLDER)
    .group_by(jobs.c.kind, jobs.c.status, jobs.c.reason)
)


def count_jobs(database: Engine) -> tuple[Count, ...]:
    """Return how many jobs there are, but for removed ones. Raises Unreachable."""
    with translating_errors(), database.connect() as connection:
        return tuple(Count(*row) for row in connection.execute(_COUNTS))


def list_records(database: Engine, selection: Selection) -> Iterator[Summary]:
    """Yield the records, newest first, as they are at one moment, without placeholders. Raises Unreachable.

    Memory does not grow with their number.
    """
    statement = (
        select(*_SHOWN)
        .where(jobs.c.request != PLACEHOLDER)
        .order_by(func.coalesce(func.nullif(jobs.c.created_at, 0), jobs.c.changed_at).desc(), jobs.c.jid, jobs.c.kind)
    )
    if selection.status == REMOVED:
        statement = statement.where(jobs.c.phase == REMOVED)
    elif selection.status is not None:
        statement = statement.where(jobs.c.phase != REMOVED, jobs.c.status == selection.status)
    if selection.kind is not None:
        statement = statement.where(jobs.c.kind == selection.kind)
    if selection.owner is not None:
        statement = statement.where(jobs.c.auid == selection.owner)
    with snapshot(database) as connection:
        for row in stream(connection, statement.limit(selection.limit)):
            yield _summary(row._mapping)


def prunable(database: Engine, before: float) -> Iterator[Summary]:
    """Yield the records that ``prune`` deletes, oldest end first. Raises as ``list_records``."""
    with snapshot(database) as connection:
        for row in stream(connection, select(*_SHOWN).where(_prunable(before)).order_by(ended_at(jobs), jobs.c.jid)):
            yield _summary(row._mapping)


def prune(database: Engine, before: float) -> Iterator[Summary]:
    """Delete the records of jobs that have ended, or were removed, before a moment; yield each one after its deletion.

    before: seconds since the epoch. A service may run. The records of a jid are kept until all of them are old enough,
    and none of its jobs may still use directories of users. Data and the engine's jobs are not touched. Raises
    Unreachable, StorageFull.
    """
    oldest = select(jobs.c.jid, jobs.c.kind).where(_prunable(before)).limit(BATCH)
    some = tuple_(jobs.c.jid, jobs.c.kind).in_(oldest)
    statement = delete(jobs).where(some, _prunable(before)).returning(*_SHOWN)  # again: one may have begun anew
    while True:
        with translating_errors(), database.begin() as connection:
            rows = connection.execute(statement).mappings().all()
        yield from map(_summary, rows)
        if not rows:
            return


def count_in_use(database: Engine, before: float) -> int:
    """Return the number of records that ``prune`` keeps only because a job may still use directories of users.

    Raises as ``list_records``.
    """
    statement = select(func.count()).select_from(jobs).where(_all_ended(before), _IN_USE)
    with snapshot(database) as connection:
        number: int = connection.execute(statement).scalar_one()
    return number


def _prunable(before: float) -> ColumnElement[bool]:
    return and_(_all_ended(before), ~_IN_USE)


def ended_at(table: FromClause) -> ColumnElement[float]:
    """Return when a job has ended, in seconds since the epoch."""
    return func.coalesce(table.c.finished_at, table.c.changed_at)  # a job that never ran has no end


def _all_ended(before: float) -> ColumnElement[bool]:
    """Return whether all kinds of a record's jid have ended, or were removed, before a moment."""
    ended = and_(_of_jid.c.phase.in_((Phase.FINAL.value, REMOVED)), before > ended_at(_of_jid))
    return ~exists().where(_of_jid.c.jid == jobs.c.jid, ~ended)


def _summary(row: Mapping[Any, Any]) -> Summary:
    status = REMOVED if row["phase"] == REMOVED else row["status"]
    times = (moment(row["created_at"] or None), moment(row["finished_at"]))  # 0: an earlier release made the row
    return Summary(row["jid"], row["kind"], status, *times, row["auid"], row["image"])
