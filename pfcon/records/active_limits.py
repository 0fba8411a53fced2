"""Limits of active plugin jobs. The transaction that writes a new job checks them: many processes do not exceed them.

A job counts from its claim until its end is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, text

from pfcon.models import JobKind
from pfcon.records.record import ACTIVE
from pfcon.records.schema import jobs
from pfcon.settings.jobs import ActiveLimits

# PostgreSQL: locked to the end of a transaction that adds a job and counts; concurrent ones would not see each other.
_LOCK = text("SELECT pg_advisory_xact_lock(7206116, 2)")
_EVERY_ACTIVE = (jobs.c.phase.in_([phase.value for phase in ACTIVE]), jobs.c.kind == JobKind.PLUGIN.value)
_COUNT = select(func.count()).select_from(jobs).where(*_EVERY_ACTIVE)


NO_LIMITS = ActiveLimits()


@dataclass(frozen=True)
class TooMany:
    """The claim was refused, and nothing written. active: other jobs that have not ended. owner: None: of all users."""

    active: int
    limit: int
    owner: str | None = None


def exceeded(connection: Connection, limits: ActiveLimits, row: Mapping[str, Any], kind: JobKind) -> TooMany | None:
    """Return the limit that a new job exceeds, or None. row: the columns that the transaction has written for it.

    The transaction must have written before: then SQLite, which has one writer at a time, shows what all others have
    written.
    """
    if kind is not JobKind.PLUGIN or not (limits.jobs or limits.jobs_of_owner):
        return None
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    checks = [(limits.jobs, None), (limits.jobs_of_owner, row["auid"])]
    for limit, owner in checks[: 1 if row["auid"] is None else 2]:
        if not limit:
            continue
        counted = _COUNT if owner is None else _COUNT.where(jobs.c.auid == owner)
        active: int = connection.execute(counted).scalar_one()  # with the new one
        if active > limit:
            return TooMany(active - 1, limit, owner)
    return None
