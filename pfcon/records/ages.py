"""What the removal of old jobs and of leftovers asks the records: which jobs ended long ago, and which are recorded."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select, tuple_

from pfcon.models import JobId, JobKind
from pfcon.records.faults import translating_errors
from pfcon.records.list_indexes import LISTED
from pfcon.records.overview import REMOVED, ended_at
from pfcon.records.record import PLACEHOLDER, Phase
from pfcon.records.schema import jobs

CHUNK = 500  # records
_CREATED = (jobs.c.created_at, jobs.c.jid, jobs.c.kind)


@dataclass(frozen=True)
class RecordState:
    """A record without its contents. changed_at: seconds since the epoch. placeholder: see ``removals.py``."""

    phase: Phase
    changed_at: float
    placeholder: bool


def ended_jids(database: Engine, before: float) -> Iterator[JobId]:
    """Yield the jids that have ended jobs, and only such that ended before a moment; the oldest ones first.

    before: seconds since the epoch. Jobs that were removed do not count. Raises Unreachable, as all functions here do.
    CHUNK records are read at a time, without a transaction between two steps. An index has all that is read of others
    than old ones: the end of a job is behind its log in a row.
    """
    after = (-1.0, "", "")
    while True:
        old = (LISTED, jobs.c.created_at < before, tuple_(*_CREATED) > tuple_(*after))
        with translating_errors(), database.connect() as connection:
            chunk = connection.execute(select(*_CREATED).where(*old).order_by(*_CREATED).limit(CHUNK)).all()
            listed = (LISTED, jobs.c.jid.in_({jid for _, jid, _ in chunk}))
            rows = connection.execute(select(*_CREATED, jobs.c.phase, ended_at(jobs)).where(*listed)).all()
        first: dict[str, tuple[float, str, str]] = {}
        kept = {row.jid for row in rows if row.phase != Phase.FINAL.value or row[-1] >= before}
        for row in sorted(rows):
            first.setdefault(row.jid, (row.created_at, row.jid, row.kind))
        yield from (JobId(row.jid) for row in chunk if row.jid not in kept and first.get(row.jid) == tuple(row))
        if not chunk:
            return
        after = (chunk[-1].created_at, chunk[-1].jid, chunk[-1].kind)


def states_of_jids(database: Engine, jids: Collection[JobId]) -> Mapping[JobId, Mapping[JobKind, RecordState]]:
    """Return the records of these jids, by jid and kind; jids without any are missing."""
    found: dict[JobId, dict[JobKind, RecordState]] = {}
    columns = (jobs.c.jid, jobs.c.kind, jobs.c.phase, jobs.c.changed_at, jobs.c.request)
    with translating_errors(), database.connect() as connection:
        for jid, kind, phase, changed_at, request in connection.execute(select(*columns).where(jobs.c.jid.in_(jids))):
            state = RecordState(Phase(phase), changed_at, request == PLACEHOLDER)
            found.setdefault(JobId(jid), {})[JobKind(kind)] = state
    return found


def begin_of_records(database: Engine) -> float | None:
    """Return when the oldest record was made, in seconds since the epoch; None if there are no records.

    Records of earlier releases count from their last change.
    """
    known = select(func.min(jobs.c.created_at)).where(LISTED, jobs.c.created_at > 0)  # an index has all of it
    unknown = select(func.min(jobs.c.changed_at)).where(LISTED, jobs.c.created_at == 0)
    removed = select(func.min(func.coalesce(func.nullif(jobs.c.created_at, 0), jobs.c.changed_at))).where(
        jobs.c.phase == REMOVED
    )
    with translating_errors(), database.connect() as connection:
        times = [connection.execute(statement).scalar_one() for statement in (known, unknown, removed)]
    return min((time for time in times if time is not None), default=None)
