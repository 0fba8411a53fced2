"""Changes of jobs, told to the log once they are in the records."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine

from pfcon.models import JobId, JobKind, JobSpec
from pfcon.records.faults import translating_errors
from pfcon.records.rows import moment
from pfcon.service_log import about

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """A change of a job's status that clients can see, with what the record knows of the job.

    status: a JobStatus, or "removed". previous: the JobStatus before; ``""`` for a new job. Times are aware datetimes
    in UTC; None: unknown, or not yet.
    """

    jid: JobId
    kind: JobKind
    status: str
    previous: str
    message: str
    reason: str
    exit_code: int | None
    owner: str
    image: str
    image_digest: str
    node: str
    created_at: datetime | None
    staged_at: datetime | None
    placed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    bytes_in: int | None
    bytes_out: int | None
    spec_json: str

    @cached_property
    def spec(self) -> JobSpec | None:
        """The job's specification; None before the inputs are staged, or if the record's can't be read."""
        try:
            return JobSpec.from_json(self.spec_json) if self.spec_json else None
        except (ValueError, LookupError, TypeError, AttributeError) as fault:
            text = "job %s: what its record has of its specification can't be read: %r"
            log.warning(text, self.jid, fault, extra=about(jid=self.jid, kind=self.kind.value))
            return None


Tell = Callable[[Change], None]


def ignore(_change: Change) -> None:
    """Tell nobody."""


def change_of(row: Mapping[Any, Any], status: str, previous: str, reason: str) -> Change:
    """Return the change of a job. row: has the columns TOLD."""
    values: dict[str, Any] = {name: row[name] or "" for name in ("message", "image", "image_digest", "node")}
    times = ("created_at", "staged_at", "placed_at", "started_at", "finished_at")
    values |= {name: moment(row[name] or None) for name in times}
    values |= {name: row[name] for name in ("exit_code", "bytes_in", "bytes_out")}
    return Change(
        jid=JobId(row["jid"]),
        kind=JobKind(row["kind"]),
        status=status,
        previous=previous,
        reason=reason,
        owner=row["auid"] or "",
        spec_json=row["spec"] or "",
        **values,
    )


@contextmanager
def telling(database: Engine, tell: Tell) -> Iterator[tuple[Connection, list[Change]]]:
    """A transaction, and a list for the changes that it makes: they are told after it is committed.

    A change that can't be told has happened all the same: whatever ``tell`` raises is only logged. Raises Unreachable,
    StorageFull.
    """
    changes: list[Change] = []
    with translating_errors(), database.begin() as connection:
        yield connection, changes
    for change in changes:
        try:
            tell(change)
        except Exception:  # the record is written
            fields = about(jid=change.jid, kind=change.kind.value)
            log.exception("a change of job %s could not be told", change.jid, extra=fields)
