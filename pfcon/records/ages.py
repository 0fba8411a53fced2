"""What the removal of old jobs and of leftovers asks the records: which jobs ended long ago, and which are recorded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from pfcon.models import JobId, JobKind
from pfcon.records.faults import translating_errors
from pfcon.records.list_indexes import LISTED
from pfcon.records.overview import all_ended
from pfcon.records.record import PLACEHOLDER, Phase
from pfcon.records.schema import jobs

REMOVED = Phase.REMOVED.value


@dataclass(frozen=True)
class RecordState:
    """A record without its contents. changed_at: seconds since the epoch. placeholder: see ``removals.py``."""

    phase: Phase
    changed_at: float
    placeholder: bool


def ended_jids(database: Engine, before: float, after: str, limit: int) -> list[JobId]:
    """Return, in order, the first jids after ``after`` that have ended jobs, and only such that ended before a moment.

    before: seconds since the epoch. Jobs that were removed do not count. Raises Unreachable, as all functions here do.
    """
    final = (jobs.c.phase == Phase.FINAL.value, jobs.c.jid > after, all_ended(before))
    statement = select(jobs.c.jid).where(*final).distinct().order_by(jobs.c.jid).limit(limit)
    with translating_errors(), database.connect() as connection:
        return [JobId(jid) for jid in connection.execute(statement).scalars()]


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
