"""The journal has one row per (jid, kind). A row is written before the action; a final status never changes.

A *claim* is the right to act on a job: a random value in the row, new for every owner. Every update has it as a
condition, so a process that has lost the claim can't write. Owners are service processes that renew a lease. When one
dies, or ends its work on a claim without recording that, ``abandoned`` returns its jobs, and they are taken over. The
second case is detected only by that process itself: see ``live_claims.py``.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Insert, Update, delete, insert, update
from sqlalchemy.exc import IntegrityError

from pfcon.models import JobId, JobInfo, JobKind, RunDetails
from pfcon.records.active_limits import NO_LIMITS, TooMany
from pfcon.records.admission import Admission, NotAdmitted
from pfcon.records.changes import Tell, ignore, telling
from pfcon.records.events import REMOVED, add_change, add_event
from pfcon.records.faults import translating_errors
from pfcon.records.lazy import LazyDatabase
from pfcon.records.lease import LEASE, ProcessIdentity, owner_is_alive
from pfcon.records.live_claims import LiveClaims
from pfcon.records.places import (
    DROP,
    HOLD,
    RELEASE,
    RELEASE_ENDED,
    RELEASE_JOBLESS,
    SETTLE,
    Place,
    settle_ended,
)
from pfcon.records.record import OWNED, WITH_REASON, Blocked, Claimed, Phase, Record, first_claim, request_id, unsigned
from pfcon.records.rows import (
    BEFORE,
    IN_PHASE,
    INSERT,
    NOTE,
    RUN,
    SAME_STATE,
    SELECT_ONE,
    SELECT_OWNED,
    details_row,
    fresh_row,
    job_key,
    record_of,
    row_key,
    storable,
)
from pfcon.records.rows import DELETE as DELETE_ROW
from pfcon.records.schema import jobs, services
from pfcon.settings.jobs import ActiveLimits

KEEP_REMOVED = 30 * 24 * 3600.0  # seconds for which the row of a removed job is kept


class _LostError(Exception):
    """The row was changed by another process since it was read."""


class Journal:
    """Reads and writes the rows. Thread-safe. Methods raise Unreachable, or StorageFull when the database is full.

    The object represents the calling process as an owner. It may be made before a fork: each process is a separate
    owner, and ``connect`` is called on first use.
    live: the claims that this process works on. Add a claim before it is written; remove it when the work has ended.
    tell: is called with each change of a job that this process has recorded.
    """

    def __init__(self, connect: Callable[[], Engine], tell: Tell = ignore) -> None:
        self.database = LazyDatabase(connect)
        self._id = uuid.uuid4()
        self._tell = tell
        self._leased = ""  # the owner whose lease this process has written
        self.leased_at: float | None = None  # monotonic seconds: when that was written last
        self.live = LiveClaims()

    @property
    def owner(self) -> str:
        """The id of the calling process in the rows."""
        me = ProcessIdentity.current()
        return uuid.uuid5(self._id, f"{me.pid} {me.started}").hex

    @property
    def _database(self) -> Engine:
        return self.database.engine

    def renew_lease(self) -> None:
        """Renew the lease of this process; must be called again well within LEASE seconds. Raises NewerSchema, too."""
        values = {"id": self.owner, "expires_at": time.time() + LEASE, **vars(ProcessIdentity.current())}
        with translating_errors(), self.database.connected().begin() as connection:
            self.database.check(connection)
            renewed = connection.execute(update(services).where(services.c.id == self.owner).values(values))
            if renewed.rowcount == 0:
                connection.execute(insert(services).values(values))
                self._tidy(connection)
        self._leased, self.leased_at = self.owner, time.monotonic()

    def owner_with_lease(self) -> str:
        """Return the id of the calling process; its lease exists, since an owner without one counts as dead."""
        if self._leased != self.owner:
            self.renew_lease()
        return self.owner

    def _tidy(self, connection: Connection) -> None:
        """Delete outdated rows. Called once by each process."""
        now = time.time()
        connection.execute(delete(services).where(services.c.expires_at < now - 100 * LEASE))
        removed = jobs.c.phase == Phase.REMOVED.value
        connection.execute(delete(jobs).where(removed, jobs.c.changed_at < now - KEEP_REMOVED))
        connection.execute(RELEASE_JOBLESS)

    def end_lease(self) -> None:
        """Delete the lease of this process, which is about to exit: its jobs may be taken over immediately."""
        with translating_errors(), self._database.begin() as connection:
            connection.execute(delete(services).where(services.c.id == self.owner))

    def get(self, jid: JobId, kind: JobKind) -> Record | None:
        """Return the record of a job, or None."""
        with translating_errors(), self._database.connect() as connection:
            rows = connection.execute(SELECT_ONE, {"jid": jid, "kind": kind.value}).mappings()
            row = rows.one_or_none()
        return self._read(row) if row else None

    def _read(self, row: Mapping[Any, Any]) -> Record:
        mine = row["owner"] is not None and row["owner"] == self.owner
        return record_of(row, owned=row["claim"] in self.live if mine else owner_is_alive(row))

    def claim(
        self,
        jid: JobId,
        kind: JobKind,
        request: str,
        places: Iterable[Place] = (),
        limits: ActiveLimits = NO_LIMITS,
        **values: Any,
    ) -> Claimed | Record | Blocked | TooMany:
        """Become the owner of a new job (Claimed), or return the record of an existing one that prevents it.

        A job that has failed or was removed is replaced. Atomic: of several concurrent callers, one gets Claimed.
        places: the users' directories that the job mounts. Returns Blocked when places of other jobs conflict, TooMany
        when the job would exceed ``limits``.
        values: columns of the new row that differ from ``fresh_row``. A ``claim`` in it must already be in ``live``.
        """
        admission = Admission(tuple(places), limits)
        while True:
            fresh = storable({**fresh_row(jid, kind, request, self.owner_with_lease()), **values})
            claimed = record_of(fresh, owned=fresh["owner"] is not None)
            try:
                return self._write_claim(INSERT, claimed, fresh, admission) or Claimed(claimed, None)
            except IntegrityError:
                found = self.get(jid, kind)
            if found is None:
                continue
            if not found.replaceable:
                return found
            columns = {key: fresh[key] for key in fresh.keys() - {"jid", "kind"}}
            try:
                values_of_row = {**columns, **row_key(found)}
                refused = self._write_claim(IN_PHASE[found.phase], claimed, values_of_row, admission)
                return refused or Claimed(claimed, found)
            except _LostError:
                continue

    def _write_claim(
        self, statement: Insert | Update, claimed: Record, values: dict[str, Any], admission: Admission
    ) -> Blocked | TooMany | None:
        """Write a row and its places atomically. Raises IntegrityError, and _LostError when the row has changed."""
        request = request_id(claimed.request, claimed.claim)
        job = {"jid": claimed.jid, "kind": claimed.kind.value, "request": request, "holder": self.owner}
        try:
            with telling(self._database, self._tell) as (connection, changes):
                if connection.execute(statement, values).rowcount == 0:
                    raise _LostError
                admission.require(connection, job, values["auid"])
                changes.append(add_event(connection, {**values, **job}, values["status"]))
        except NotAdmitted as refusal:
            return refusal.answer
        return None

    def take_over(self, record: Record, claim: str) -> Record | None:
        """Become the owner of an interrupted job; None when another process was faster. claim: already in ``live``."""
        mine = replace(record, claim=claim, changed_at=time.time(), owned=True)
        values = {"claim": mine.claim, "owner": self.owner_with_lease(), "changed_at": mine.changed_at}
        with translating_errors(), self._database.begin() as connection:
            connection.execute(DROP, row_key(record))  # the former owner sends no more requests to the engine
            done = connection.execute(IN_PHASE[record.phase], {**values, **row_key(record)})
        return mine if done.rowcount else None

    def move(
        self,
        record: Record,
        phase: Phase,
        *,
        still: bool = False,
        settled: str = "",
        ended: bool = False,
        **values: Any,
    ) -> bool:
        """Move a job to a later phase and write ``values`` (columns). Returns False when the claim is lost, or the job
        is in that phase or a later one already.

        A phase outside OWNED clears the owner. still: require that the job is still in the phase of ``record``.
        settled: a request to ``settle``, too. ended: nothing of the job can run any more, so its places are released.
        """
        values.update(phase=phase.value, changed_at=time.time())
        if phase in WITH_REASON:
            values.setdefault("reason", None)  # of an earlier attempt
        if phase not in OWNED:
            values["owner"] = None
        elif phase is Phase.REMOVING:
            values["owner"] = self.owner_with_lease()
        with telling(self._database, self._tell) as (connection, changes):
            statement = IN_PHASE[record.phase] if still else BEFORE[phase]
            done = connection.execute(statement, {**storable(values), **row_key(record)})
            if done.rowcount and settled:
                connection.execute(SETTLE, {"of_request": unsigned(settled)})
            if done.rowcount and ended:
                connection.execute(RELEASE_ENDED, job_key(record))
            if done.rowcount:
                changes.extend(add_change(connection, record, values))
        return bool(done.rowcount)

    def begin_again(self, record: Record, claim: str, **values: Any) -> bool:
        """Move a job from SCHEDULED back to SCHEDULING with a new claim and no owner; recovery then continues it.

        Returns False when the claim is lost or the job is in another phase.
        """
        again = {"phase": Phase.SCHEDULING.value, "claim": claim, "owner": None, "changed_at": time.time()}
        return self.update(IN_PHASE[Phase.SCHEDULED], record, {**again, **dict.fromkeys(RUN), **values})

    def note(self, record: Record, message: str) -> bool:
        """Write a message for users, and if the record has it, when the job was placed.

        Returns False if the claim is lost, the job is in another phase, or cancelled.
        """
        placed = details_row(RunDetails(placed_at=record.details.placed_at))
        return self.update(NOTE[record.phase], record, {"message": message, **placed})

    def save_status(self, record: Record, info: JobInfo, logs: str) -> None:
        """Write what the engine reports for a job that has not ended: status, message, reason, details, and the log.

        No-op if the job has ended, or somebody has recorded another state since ``record`` was read, which may be a
        newer one.
        """
        values = {"status": info.status.value, "message": info.message, "reason": info.reason or None, "logs": logs}
        values.update(details_row(info.details))
        seen = {"of_status": record.status.value, "of_message": record.message}
        self.update(SAME_STATE, record, {**values, **seen})

    def save_log(self, record: Record, logs: str) -> None:
        """Write the log of a job. No-op if it has ended."""
        self.update(IN_PHASE[Phase.SCHEDULED], record, {"logs": logs})

    def delete(self, record: Record) -> None:
        """Delete the row of a job, unless its claim has changed, and release its places."""
        with telling(self._database, self._tell) as (connection, changes):
            row = connection.execute(DELETE_ROW, row_key(record)).mappings().one_or_none()
            connection.execute(RELEASE, {"of_request": request_id(record.request, record.claim)})
            if row and record.phase is not Phase.REMOVED and not record.is_placeholder:
                changes.append(add_event(connection, row, REMOVED, record.status.value))

    def hold(self, request: str) -> None:
        """Record that this process will ask the engine for an attempt. request: a ``request_id``, maybe signed."""
        self._change_places(HOLD, {"of_request": unsigned(request), "new_holder": self.owner_with_lease()})

    def settle(self, request: str) -> None:
        """Record that no process asks the engine for that attempt any more: the engine knows all of it."""
        self._change_places(SETTLE, {"of_request": unsigned(request)})

    def release(self, request: str) -> None:
        """Release the places of that attempt: nothing of it can run any more."""
        self._change_places(RELEASE, {"of_request": unsigned(request)})

    def _change_places(self, statement: Update | Delete, values: dict[str, str]) -> None:
        with translating_errors(), self._database.begin() as connection:
            connection.execute(statement, values)

    def abandoned(self) -> list[Record]:
        """Return the jobs whose owner has died, or has ended its work on them too early."""
        with translating_errors(), self._database.connect() as connection:
            rows = connection.execute(SELECT_OWNED).mappings().all()
        return [record for row in rows if (record := self._read(row)).interrupted]

    def settle_abandoned(self) -> None:
        """``settle`` the attempts that name this process as their holder although it no longer works on them."""
        with translating_errors(), self._database.begin() as connection:
            settle_ended(connection, self.owner, lambda request: first_claim(request) in self.live)

    def update(self, statement: Update, record: Record, values: dict[str, Any]) -> bool:
        """Write columns with a statement of ``rows``. Returns False if it does not select the row of the record."""
        with telling(self._database, self._tell) as (connection, changes):
            done = connection.execute(statement, {**storable(values), **row_key(record)})
            if done.rowcount:
                changes.extend(add_change(connection, record, values))
        return bool(done.rowcount)
