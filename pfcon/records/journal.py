"""One row per (jid, kind). The row is written before the act; a final status never changes.

A *claim* is the right to act on a job. It is a random value in the row, changed with every new owner, and every
update names it: who has lost the claim can't write any more. Owners are service processes that renew a lease; when
one dies, its jobs are found by ``abandoned`` and taken over.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, Update, and_, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.records.lease import LEASE, ProcessIdentity
from pfcon.records.schema import answering, jobs, services

KEEP_REMOVED = 30 * 24 * 3600.0  # seconds for which the row of a removed job is kept


class Phase(StrEnum):
    """Where a job is in its life; only ever moves down this list, until a new claim begins it again."""

    STAGING = "staging"  # the owner stages the inputs
    SCHEDULING = "scheduling"  # the owner asks the engine to run it, or fetches the image
    SCHEDULED = "scheduled"  # the engine has it; nobody owns it
    FINAL = "final"  # it has ended; the row holds all that will ever be known
    REMOVING = "removing"  # somebody asked for its removal
    REMOVED = "removed"  # engine and storeBase hold nothing of it


_ORDER = {phase: number for number, phase in enumerate(Phase)}
_OWNED = (Phase.STAGING, Phase.SCHEDULING, Phase.REMOVING)


@dataclass(frozen=True)
class Record:
    """One row as it was read. ``owned``: a living service process acts on the job now."""

    jid: JobId
    kind: JobKind
    claim: str
    phase: Phase
    request: str
    status: JobStatus
    message: str
    logs: str
    finished_at: datetime | None
    changed_at: float
    nfiles: int
    notes: tuple[str, ...]
    with_data: bool
    owned: bool
    spec_json: str

    @cached_property
    def spec(self) -> JobSpec | None:
        """What was, or is to be, run; None before the inputs are staged."""
        return JobSpec.from_json(self.spec_json) if self.spec_json else None

    @property
    def name(self) -> str:
        """The job's name on its engine: the one under which it was scheduled, which may be of an earlier release."""
        return self.spec.name if self.spec else self.kind.engine_name(self.jid)

    @property
    def info(self) -> JobInfo:
        """The row's own knowledge of the job; what its engine has to tell of it may be newer."""
        spec = self.spec
        return JobInfo(
            name=self.name,
            status=self.status,
            message=self.message,
            image=spec.image if spec else "",
            argv=spec.argv if spec else (),
            finished_at=self.finished_at,
            request=self.request,
        )

    @property
    def interrupted(self) -> bool:
        """Whether its owner has died, or gave up, in the middle of something."""
        return self.phase in _OWNED and not self.owned

    @property
    def replaceable(self) -> bool:
        """Whether a ``POST`` may begin the job anew."""
        return self.phase is Phase.REMOVED or (self.phase is Phase.FINAL and self.status.failed)


@dataclass(frozen=True)
class Claimed:
    """The caller owns the job. ``previous`` is the ended one that it replaces, if there was one."""

    record: Record
    previous: Record | None


class Journal:
    """The rows. Methods raise Unreachable when the database does not answer.

    One object serves all threads of a process and stands for that process as an owner. It may be made before a fork:
    each process is an owner of its own, and ``connect`` is called on first use.
    """

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect
        self._id = uuid.uuid4()

    @property
    def owner(self) -> str:
        """The calling process, as rows name it."""
        me = ProcessIdentity.current()
        return uuid.uuid5(self._id, f"{me.pid} {me.started}").hex

    @cached_property
    def _database(self) -> Engine:
        return self._connect()

    def renew_lease(self) -> None:
        """Say that this process lives; due well before LEASE seconds have passed."""
        me = ProcessIdentity.current()
        values = {
            "id": self.owner,
            "expires_at": time.time() + LEASE,
            "host": me.host,
            "pid": me.pid,
            "started": me.started,
        }
        with answering(), self._database.begin() as connection:
            renewed = connection.execute(update(services).where(services.c.id == self.owner).values(values))
            if renewed.rowcount == 0:
                connection.execute(insert(services).values(values))
                self._tidy(connection)

    def _tidy(self, connection: Connection) -> None:
        """Delete what nobody asks for any more; done once in the life of a process."""
        now = time.time()
        connection.execute(delete(services).where(services.c.expires_at < now - 100 * LEASE))
        removed = jobs.c.phase == Phase.REMOVED.value
        connection.execute(delete(jobs).where(removed, jobs.c.changed_at < now - KEEP_REMOVED))

    def end_lease(self) -> None:
        """Say that this process is about to end; its jobs may be taken over at once."""
        with answering(), self._database.begin() as connection:
            connection.execute(delete(services).where(services.c.id == self.owner))

    def get(self, jid: JobId, kind: JobKind) -> Record | None:
        """The row of a job, or None."""
        with answering(), self._database.connect() as connection:
            rows = connection.execute(_SELECT_ONE, {"jid": jid, "kind": kind.value}).mappings()
            row = rows.one_or_none()
        return _record(row, owned=_is_owned(row)) if row else None

    def claim(self, jid: JobId, kind: JobKind, request: str, **values: Any) -> Claimed | Record:
        """Become the owner of a new job, or get the record of the one that is in the way.

        A job that ended badly or was removed is replaced. Of any number of callers at once, one gets Claimed.
        ``values`` are columns of the new row that differ from those of a job whose inputs are about to be staged.
        """
        while True:
            fresh = _storable({**self._fresh_row(jid, kind, request), **values})
            claimed = _record(fresh, owned=fresh["owner"] is not None)
            try:
                with answering(), self._database.begin() as connection:
                    connection.execute(_INSERT, fresh)
                return Claimed(claimed, None)
            except IntegrityError:
                found = self.get(jid, kind)
            if found is None:
                continue
            if not found.replaceable:
                return found
            if self._update(_IN_PHASE[found.phase], found, {key: fresh[key] for key in fresh.keys() - {"jid", "kind"}}):
                return Claimed(claimed, found)

    def take_over(self, record: Record) -> Record | None:
        """Become the owner of an interrupted job; None when another process was faster."""
        mine = replace(record, claim=uuid.uuid4().hex, changed_at=time.time(), owned=True)
        values = {"claim": mine.claim, "owner": self.owner, "changed_at": mine.changed_at}
        return mine if self._update(_IN_PHASE[record.phase], record, values) else None

    def move(self, record: Record, phase: Phase, **values: Any) -> bool:
        """Move a job forward and write ``values`` (columns). False when the claim is lost or the phase has passed.

        Leaving the phases that have an owner ends the ownership.
        """
        values.update(phase=phase.value, changed_at=time.time())
        if phase not in _OWNED:
            values["owner"] = None
        elif phase is Phase.REMOVING:
            values["owner"] = self.owner
        return self._update(_BEFORE[phase], record, values)

    def note(self, record: Record, message: str) -> bool:
        """Tell users what is going on. False when the claim is lost or the phase has passed."""
        return self._update(_IN_PHASE[record.phase], record, {"message": message})

    def disown(self, record: Record) -> None:
        """Give a job up; it is ``abandoned`` until somebody takes it over."""
        self._update(_UPDATE, record, {"owner": None})

    def forget(self, record: Record) -> None:
        """Delete the row of a claim that came to nothing."""
        with answering(), self._database.begin() as connection:
            connection.execute(_DELETE, _naming(record))

    def abandoned(self) -> list[Record]:
        """The jobs whose owner has died or given up in the middle of something."""
        with answering(), self._database.connect() as connection:
            rows = connection.execute(_SELECT_OWNED).mappings().all()
        return [record for row in rows if (record := _record(row, owned=_is_owned(row))).interrupted]

    def _fresh_row(self, jid: JobId, kind: JobKind, request: str) -> dict[str, Any]:
        return {
            "jid": jid,
            "kind": kind.value,
            "claim": uuid.uuid4().hex,
            "owner": self.owner,
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
        }

    def _update(self, statement: Update, record: Record, values: dict[str, Any]) -> bool:
        with answering(), self._database.begin() as connection:
            done = connection.execute(statement, {**_storable(values), **_naming(record)})
        return bool(done.rowcount)


def _storable(values: dict[str, Any]) -> dict[str, Any]:
    """Texts as every database takes them: names of files may hold bytes that are no UTF-8, and logs NUL."""
    return {name: _plain(value) if isinstance(value, str) else value for name, value in values.items()}


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\ufffd")


def _naming(record: Record) -> dict[str, str]:
    return {"of_jid": record.jid, "of_kind": record.kind.value, "of_claim": record.claim}


# Statements are built once: that takes longer than the database does. The parameters of an update say what it sets.
_SAME_CLAIM = and_(
    jobs.c.jid == bindparam("of_jid"), jobs.c.kind == bindparam("of_kind"), jobs.c.claim == bindparam("of_claim")
)
_INSERT = insert(jobs)
_DELETE = delete(jobs).where(_SAME_CLAIM)
_UPDATE = update(jobs).where(_SAME_CLAIM)
_IN_PHASE = {phase: _UPDATE.where(jobs.c.phase == phase.value) for phase in Phase}
_BEFORE = {
    phase: _UPDATE.where(jobs.c.phase.in_([other.value for other in Phase if _ORDER[other] < _ORDER[phase]]))
    for phase in Phase
}
_SELECT = select(jobs, services.c.expires_at, services.c.host, services.c.pid, services.c.started).outerjoin(
    services, services.c.id == jobs.c.owner
)
_SELECT_ONE = _SELECT.where(jobs.c.jid == bindparam("jid"), jobs.c.kind == bindparam("kind"))
_SELECT_OWNED = _SELECT.where(jobs.c.phase.in_([phase.value for phase in _OWNED]))


def _is_owned(row: Mapping[Any, Any]) -> bool:
    """Whether the service process that a row was read with lives."""
    return row["pid"] is not None and ProcessIdentity(row["host"], row["pid"], row["started"]).lives(row["expires_at"])


def _record(row: Mapping[Any, Any], *, owned: bool) -> Record:
    return Record(
        jid=JobId(row["jid"]),
        kind=JobKind(row["kind"]),
        claim=row["claim"],
        phase=Phase(row["phase"]),
        request=row["request"],
        status=JobStatus(row["status"]),
        message=row["message"],
        logs=row["logs"],
        finished_at=None if row["finished_at"] is None else datetime.fromtimestamp(row["finished_at"], UTC),
        changed_at=row["changed_at"],
        nfiles=row["nfiles"],
        notes=tuple(row["notes"].splitlines()),
        with_data=row["with_data"],
        owned=owned,
        spec_json=row["spec"],
    )
