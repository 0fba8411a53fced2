"""Limits of active jobs, checked in the transaction that writes a new one: so several processes do not exceed them.

A job counts from its claim until its end is recorded.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, text

from pfcon.models import JobKind
from pfcon.records.record import ACTIVE
from pfcon.records.schema import jobs
from pfcon.settings.jobs import ActiveLimits

# PostgreSQL: locked to the end of a transaction that adds a job and counts; concurrent ones would not see each other.
_LOCK = text("SELECT pg_advisory_xact_lock(7206116, 2)")
_COUNT = select(func.count()).select_from(jobs).where(jobs.c.phase.in_([phase.value for phase in ACTIVE]))


NO_LIMITS = ActiveLimits()


@dataclass(frozen=True)
class TooMany:
    """The claim was refused, and nothing written. active: other jobs that have not ended. owner: None: of all users."""

    active: int
    limit: int
    owner: str | None = None


def exceeded(connection: Connection, limits: ActiveLimits, kind: JobKind, owner: str | None) -> TooMany | None:
    """Return the limit that a new job of a kind and a user exceeds, or None.

    The transaction must have written before: then SQLite, which has one writer at a time, shows what all others have
    written.
    """
    if not (limits.jobs or limits.jobs_of_owner):
        return None
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    of_kind = _COUNT.where(jobs.c.kind == kind.value)
    if limits.jobs and (others := _others(connection, of_kind)) >= limits.jobs:
        return TooMany(others, limits.jobs)
    if limits.jobs_of_owner and owner is not None:
        others = _others(connection, of_kind.where(jobs.c.auid == owner))
        if others >= limits.jobs_of_owner:
            return TooMany(others, limits.jobs_of_owner, owner)
    return None


def _others(connection: Connection, count: Select[int]) -> int:
    return connection.execute(count).scalar_one() - 1  # without the new job itself
