"""Changes of jobs, told to the log once they are in the records."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from pfcon.models import JobId, JobKind, JobSpec
from pfcon.records.faults import translating_errors
from pfcon.records.rows import moment


@dataclass(frozen=True)
class Change:
    """A change of a job's status that clients can see, with what the record knows of the job.

    status: a JobStatus, or "removed". Times are aware datetimes in UTC; None: unknown, or not yet.
    """

    jid: JobId
    kind: JobKind
    status: str
    message: str
    reason: str
    exit_code: int | None
    owner: str
    image: str
    image_digest: str
    node: str
    created_at: datetime | None
    staged_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    bytes_in: int | None
    bytes_out: int | None
    spec: JobSpec | None


Tell = Callable[[Change], None]


def ignore(_change: Change) -> None:
    """Tell nobody."""


def change_of(row: Mapping[Any, Any], status: str, reason: str) -> Change:
    """Return the change of a job. row: has the columns TOLD."""
    values: dict[str, Any] = {name: row[name] or "" for name in ("message", "image", "image_digest", "node")}
    values |= {name: moment(row[name] or None) for name in ("created_at", "staged_at", "started_at", "finished_at")}
    values |= {name: row[name] for name in ("exit_code", "bytes_in", "bytes_out")}
    return Change(
        jid=JobId(row["jid"]),
        kind=JobKind(row["kind"]),
        status=status,
        reason=reason,
        owner=row["auid"] or "",
        spec=JobSpec.from_json(row["spec"]) if row["spec"] else None,
        **values,
    )


@contextmanager
def telling(database: Engine, tell: Tell) -> Iterator[tuple[Connection, list[Change]]]:
    """A transaction, and a list for the changes that it makes: they are told after it is committed.

    Raises Unreachable, StorageFull.
    """
    changes: list[Change] = []
    with translating_errors(), database.begin() as connection:
        yield connection, changes
    for change in changes:
        tell(change)
