"""Events: one for each change of a job's status that clients can see, written in the transaction of the change.

Numbers have no gaps, and become visible in their order: a transaction takes the next one from a single row, which
stays locked until its end. A sequence of PostgreSQL would let a reader see number 8 while number 7 is not committed
yet; a reader that goes on after 8 would never see it. To wait for this row must be the last thing that a transaction
does: so the wait is short, and no two transactions wait for each other.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, insert, select, update

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records.changes import Change, change_of
from pfcon.records.faults import translating_errors
from pfcon.records.lazy import LazyDatabase
from pfcon.records.record import Phase, Record
from pfcon.records.rows import EVENT, TOLD, job_key, moment
from pfcon.records.schema import event_counter, events, jobs, webhook, webhook_retries

REMOVED = Phase.REMOVED.value
"""The status of the event of a job that was removed, or whose submission was rolled back."""
FINAL = tuple(status.value for status in JobStatus if status.final)
KEEP = 7 * 24 * 3600.0  # seconds for which an event is kept
KEPT = 100_000  # events that are kept
MESSAGE = 1000  # characters of a message that an event has
BATCH = 1000  # events that are deleted in one transaction

_KEY = and_(jobs.c.jid == bindparam("of_jid"), jobs.c.kind == bindparam("of_kind"))
_LAST = (
    select(events.c.status, events.c.created_at)
    .where(and_(events.c.jid == bindparam("of_jid"), events.c.kind == bindparam("of_kind")))
    .order_by(events.c.id.desc())
    .limit(1)
)
_SELECT = select(*(jobs.c[name] for name in TOLD)).where(_KEY)
_NEXT = update(event_counter).values(last=event_counter.c.last + 1).returning(event_counter.c.last)
_INSERT = insert(events)
_READ = select(events).where(events.c.id > bindparam("after")).order_by(events.c.id)
_COUNTER = select(event_counter)


def add_event(connection: Connection, job: Mapping[Any, Any], status: str, previous: str = "") -> Change:
    """Add an event to a transaction, as its last statement. job: has TOLD. Returns the change for the log.

    previous: the JobStatus before; ``""`` for a new job.
    """
    values = {name: job[name] for name in EVENT}
    values.update(status=status, message=values["message"][:MESSAGE], created_at=values["created_at"] or None)
    values.update(reason=values["reason"] if status in FINAL else None)
    number = connection.execute(_NEXT).scalar_one()
    connection.execute(_INSERT, {**values, "id": number, "at": time.time()})
    return change_of(job, status, previous, values["reason"] or "")


def add_change(connection: Connection, record: Record, values: Mapping[str, Any]) -> list[Change]:
    """Add the event of an update of a job's row, which the transaction has made, unless it has been reported already.
    Returns the change for the log, if it is one.

    record: the row as it was read. values: the columns that were set. To be called last in the transaction.
    """
    if record.is_placeholder or record.was_removed:
        return []  # clients do not know this job, or know that it was removed
    phase = values.get("phase")
    ends = phase == Phase.FINAL.value
    status = REMOVED if phase == REMOVED else values.get("status", record.status.value if ends else None)
    if status is None or (status == record.status.value and not ends):
        return []
    if status == JobStatus.UNDEFINED and not ends:
        return []  # the engine does not know the state at this moment
    row = connection.execute(_SELECT, job_key(record)).mappings().one()
    last = connection.execute(_LAST, job_key(record)).one_or_none()
    # Another process may have been faster. An older release may have claimed the job again, without an event.
    if last is None or tuple(last) != (status, row["created_at"] or None):
        spec = row["spec"] or record.spec_json  # a removal clears the column
        return [add_event(connection, {**row, "spec": spec}, status, record.status.value)]
    return []


@dataclass(frozen=True)
class Event:
    """A change of a job's status. status: a JobStatus, or REMOVED. Times are aware datetimes in UTC; None: unknown."""

    id: int
    jid: JobId
    kind: JobKind
    status: str
    message: str
    reason: str
    exit_code: int | None
    created_at: datetime | None
    placed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    at: datetime | None


@dataclass(frozen=True)
class Batch:
    """Events in their order. last: the number of the newest event. deleted: events up to this one may be missing."""

    events: tuple[Event, ...]
    last: int
    deleted: int


class EventLog:
    """Reads and deletes events. Thread-safe. Methods raise Unreachable."""

    def __init__(self, database: LazyDatabase) -> None:
        self._database = database

    def read(self, after: int, limit: int) -> Batch:
        """Return the first events after a number; with ``limit`` 0 only the other numbers."""
        with translating_errors(), self._database.engine.connect() as connection:
            # The counter last: what was deleted before the events were read is in it.
            rows = connection.execute(_READ.limit(limit), {"after": after}).mappings().all() if limit else ()
            counter = connection.execute(_COUNTER).mappings().one()
        return Batch(tuple(map(event_of, rows)), counter["last"], counter["deleted"])

    def delete_old(self) -> None:
        """Delete events that are older than KEEP, or of which there are KEPT newer ones. Raises StorageFull, too.

        Not those of ended jobs that the webhook has not delivered yet, unless no process had one for KEEP.
        """
        with translating_errors(), self._database.engine.connect() as connection:
            counter = connection.execute(_COUNTER).mappings().one()
            used_at = connection.execute(select(webhook.c.used_at)).scalar()
            young = select(events.c.id).where(events.c.id > counter["deleted"], events.c.at >= time.time() - KEEP)
            first = connection.execute(young.order_by(events.c.id).limit(1)).scalar() or counter["last"] + 1
        end = max(first - 1, counter["last"] - KEPT)
        for upper in (*range(counter["deleted"] + BATCH, end, BATCH), end):
            if upper > counter["deleted"]:
                self._delete(upper, keep_undelivered=used_at is not None and used_at >= time.time() - KEEP)

    def _delete(self, upper: int, *, keep_undelivered: bool) -> None:
        old = delete(events).where(events.c.id <= upper)
        counted = update(event_counter).where(event_counter.c.deleted < upper).values(deleted=upper)
        with translating_errors(), self._database.engine.begin() as connection:
            if keep_undelivered:
                connection.execute(old.where(~events.c.id.in_(UNDELIVERED)))
            else:
                connection.execute(old)
                connection.execute(delete(webhook_retries).where(webhook_retries.c.event <= upper))
            connection.execute(counted)


_waiting = events.alias("waiting")
UNDELIVERED = (
    select(_waiting.c.id)
    .where(_waiting.c.status.in_(FINAL), _waiting.c.id > select(webhook.c.handled).scalar_subquery())
    .union_all(select(webhook_retries.c.event))
)
"""The numbers of the events that the webhook has not delivered yet; none if there has never been one."""


def event_of(row: RowMapping) -> Event:
    """Return a row as an Event."""
    times = {name: moment(row[name]) for name in ("created_at", "placed_at", "started_at", "finished_at", "at")}
    return Event(
        id=row["id"],
        jid=JobId(row["jid"]),
        kind=JobKind(row["kind"]),
        status=row["status"],
        message=row["message"],
        reason=row["reason"] or "",
        exit_code=row["exit_code"],
        **times,
    )
