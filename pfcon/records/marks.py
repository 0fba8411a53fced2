"""Marks of jobs: values that are others when the record of a job has changed. One query for many jobs."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, select

from pfcon.models import JobId, JobKind
from pfcon.records.faults import translating_errors
from pfcon.records.lazy import LazyDatabase
from pfcon.records.schema import jobs

Key = tuple[JobId, JobKind]
Mark = tuple[Any, ...]
AT_ONCE = 500  # jids of one query

_MARK = (jobs.c.claim, jobs.c.phase, jobs.c.status, jobs.c.message, jobs.c.reason, jobs.c.notes)
_SELECT = select(jobs.c.jid, jobs.c.kind, *_MARK).where(jobs.c.jid.in_(bindparam("jids", expanding=True)))


def read_marks(database: LazyDatabase, keys: Iterable[Key]) -> Mapping[Key, Mark]:
    """Return the mark of each of these jobs that has a record. Raises Unreachable."""
    wanted = set(keys)
    found: dict[Key, Mark] = {}
    jids = sorted({jid for jid, _ in wanted})
    for start in range(0, len(jids), AT_ONCE):
        with translating_errors(), database.engine.connect() as connection:
            for jid, kind, *mark in connection.execute(_SELECT, {"jids": jids[start : start + AT_ONCE]}):
                found[JobId(jid), JobKind(kind)] = tuple(mark)
    return {key: mark for key, mark in found.items() if key in wanted}
