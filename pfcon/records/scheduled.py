"""Lists the jobs that their engines have, for the process that watches them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from pfcon.models import JobId, JobKind
from pfcon.records.faults import translating_errors
from pfcon.records.lazy import LazyDatabase
from pfcon.records.record import Phase
from pfcon.records.schema import jobs

_SELECT = select(jobs.c.jid, jobs.c.kind, jobs.c.claim, jobs.c.cancel_request).where(
    jobs.c.phase == Phase.SCHEDULED.value
)


@dataclass(frozen=True)
class ScheduledJob:
    """A job in SCHEDULED. cancelled: whether a client has asked to cancel it, or an earlier attempt of it."""

    jid: JobId
    kind: JobKind
    claim: str
    cancelled: bool


def scheduled_jobs(database: LazyDatabase, kinds: Iterable[JobKind]) -> list[ScheduledJob]:
    """Return the jobs of these kinds in SCHEDULED. Reads no long texts. Raises Unreachable."""
    wanted = {kind.value for kind in kinds}
    with translating_errors(), database.engine.connect() as connection:
        rows = connection.execute(_SELECT).all()
    return [
        ScheduledJob(JobId(jid), JobKind(kind), claim, request is not None)
        for jid, kind, claim, request in rows
        if kind in wanted
    ]
