"""The journal's SQL statements, and the conversion of its rows."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from pfcon.models import JobId, JobKind, JobStatus, RunDetails
from pfcon.records.record import OWNED, Phase, Record, new_claim
from pfcon.records.schema import jobs, services

_ORDER = {phase: number for number, phase in enumerate(Phase)}


def storable(values: dict[str, Any]) -> dict[str, Any]:
    """Replace what databases do not accept in texts: bytes that are not UTF-8 (in file names), and NUL (in logs)."""
    return {name: _plain(value) if isinstance(value, str) else value for name, value in values.items()}


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\ufffd")


def fresh_row(jid: JobId, kind: JobKind, request: str, owner: str) -> dict[str, Any]:
    """Return the columns of a new job in phase STAGING, with a new claim."""
    return {
        "jid": jid,
        "kind": kind.value,
        "claim": new_claim(),
        "owner": owner,
        "phase": Phase.STAGING.value,
        "request": request,
        "spec": "",
        "status": JobStatus.NOT_STARTED.value,
        "message": "staging inputs",
        "logs": "",
        "finished_at": None,
        "nfiles": 0,
        "notes": "",
        "with_data": True,
        "changed_at": time.time(),
        "created_at": time.time(),
        **dict.fromkeys(DETAILS),
    }


RUN = ("placed_at", "started_at", "exit_code", "node", "image_digest", "max_memory", "cpu_seconds")
"""Columns of what an engine reports about one run of a job."""
DETAILS = ("auid", "image", "staged_at", "bytes_in", "files_out", "bytes_out", "reason", "cancel_request", *RUN)
"""Columns that have no value before it is known."""
EVENT = ("jid", "kind", "message", "reason", "exit_code", "created_at", "placed_at", "started_at", "finished_at")
"""Columns that an event of a job has, too."""
TOLD = (*EVENT, "auid", "image", "image_digest", "node", "staged_at", "bytes_in", "bytes_out", "spec")
"""Columns that the log tells of a change."""

MAX_NODES = 100_000  # characters of the names of a job's nodes
_POSSIBLE: Mapping[str, Callable[[Any], bool]] = {
    "exit_code": lambda code: 0 <= code <= 255,
    "node": lambda name: len(name) <= MAX_NODES,
    "image_digest": lambda digest: len(digest) <= 100,
    "max_memory": lambda size: 0 <= size < 1 << 60,
    "cpu_seconds": lambda seconds: 0 <= seconds < 1e12,
}


def details_row(details: RunDetails) -> dict[str, Any]:
    """Return the columns of what an engine reports about a run: those that it knows.

    Values that no run can have are left out: a job may have changed the files that its engine reads.
    """
    known = {name: value for name, value in details.known().items() if name not in _POSSIBLE or _POSSIBLE[name](value)}
    return {**known, **{name: known[name].timestamp() for name in ("placed_at", "started_at") if name in known}}


def details_of(row: Mapping[Any, Any]) -> RunDetails:
    """Return what a row has of what an engine reports about a run."""
    values = {name: row[name] for name in ("exit_code", "node", "image_digest", "max_memory", "cpu_seconds")}
    return RunDetails(started_at=moment(row["started_at"]), placed_at=moment(row["placed_at"]), **values)


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as an aware datetime in UTC, and None for None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def job_key(record: Record) -> dict[str, str]:
    """Return the parameters that select the job of a record."""
    return {"of_jid": record.jid, "of_kind": record.kind.value}


def row_key(record: Record) -> dict[str, str]:
    """Return the parameters that select the row of a record by job and claim."""
    return {"of_jid": record.jid, "of_kind": record.kind.value, "of_claim": record.claim}


# Built once: building a statement takes longer than executing it. The parameters of an update decide what it sets.
_SAME_CLAIM = and_(
    jobs.c.jid == bindparam("of_jid"), jobs.c.kind == bindparam("of_kind"), jobs.c.claim == bindparam("of_claim")
)
INSERT = insert(jobs)
DELETE = delete(jobs).where(_SAME_CLAIM).returning(*(jobs.c[name] for name in TOLD))
UPDATE = update(jobs).where(_SAME_CLAIM)
IN_PHASE = {phase: UPDATE.where(jobs.c.phase == phase.value) for phase in Phase}
BEFORE = {
    phase: UPDATE.where(jobs.c.phase.in_([other.value for other in Phase if _ORDER[other] < _ORDER[phase]]))
    for phase in Phase
}
# In STAGING, the owner's claim is the attempt that a client may have cancelled: then the owner must not go on.
_NOT_CANCELLED = or_(jobs.c.cancel_request.is_(None), jobs.c.cancel_request != bindparam("of_claim"))
BEFORE[Phase.SCHEDULING] = BEFORE[Phase.SCHEDULING].where(_NOT_CANCELLED)
NOTE = {phase: statement.where(_NOT_CANCELLED) for phase, statement in IN_PHASE.items()}
SAME_STATE = IN_PHASE[Phase.SCHEDULED].where(
    jobs.c.status == bindparam("of_status"), jobs.c.message == bindparam("of_message")
)
SELECT = select(jobs, services.c.expires_at, services.c.host, services.c.pid, services.c.started).outerjoin(
    services, services.c.id == jobs.c.owner
)
SELECT_ONE = SELECT.where(jobs.c.jid == bindparam("jid"), jobs.c.kind == bindparam("kind"))
SELECT_OWNED = SELECT.where(jobs.c.phase.in_([phase.value for phase in OWNED]))


def record_of(row: Mapping[Any, Any], *, owned: bool) -> Record:
    """Return a row as a Record. owned: see ``Record``."""
    return Record(
        jid=JobId(row["jid"]),
        kind=JobKind(row["kind"]),
        claim=row["claim"],
        phase=Phase(row["phase"]),
        request=row["request"],
        status=JobStatus(row["status"]),
        message=row["message"],
        logs=row["logs"],
        finished_at=moment(row["finished_at"]),
        changed_at=row["changed_at"],
        nfiles=row["nfiles"],
        notes=tuple(row["notes"].splitlines()),
        with_data=row["with_data"],
        owned=owned,
        spec_json=row["spec"],
        created_at=moment(row["created_at"] or None),
        details=details_of(row),
        nbytes=row["bytes_in"] or 0,
        reason=row["reason"] or "",
        cancel_request=row["cancel_request"] or "",
    )
