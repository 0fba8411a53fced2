"""One row per (jid, kind). The row is written before the act; a final status never changes.

A *claim* is the right to act on a job. It is a random value in the row, changed with every new owner, and every
update names it: who has lost the claim can't write any more. Owners are service processes that renew a lease; when
one dies, or has ended its work on a claim without writing that down, its jobs are found by ``abandoned`` and taken
over. See ``live_claims.py`` for the latter: it is for the process itself to find those, and for others to wait.
"""

import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Insert, Update, delete, insert, update
from sqlalchemy.exc import IntegrityError

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records.lease import LEASE, ProcessIdentity, owner_lives
from pfcon.records.live_claims import LiveClaims
from pfcon.records.places import (
    DROP,
    HELD_BY,
    HOLD,
    RELEASE,
    RELEASE_ENDED,
    RELEASE_JOBLESS,
    SETTLE,
    Held,
    Place,
    take_places,
)
from pfcon.records.record import OWNED, Blocked, Claimed, Phase, Record, first_claim, request_id, unsigned
from pfcon.records.rows import (
    BEFORE,
    IN_PHASE,
    INSERT,
    SELECT_ONE,
    SELECT_OWNED,
    SELECT_SCHEDULED,
    SELECT_SERVICES,
    fresh_row,
    naming,
    of_job,
    record_of,
    storable,
)
from pfcon.records.rows import DELETE as DELETE_ROW
from pfcon.records.schema import answering, jobs, services

KEEP_REMOVED = 30 * 24 * 3600.0  # seconds for which the row of a removed job is kept


class _LostError(Exception):
    """The row has changed since it was read."""


class _BlockedError(Exception):
    def __init__(self, held: tuple[Held, ...]) -> None:
        super().__init__()
        self.held = held


class Journal:
    """The rows. Methods raise Unreachable when the database does not answer.

    One object serves all threads of a process and stands for that process as an owner. It may be made before a fork:
    each process is an owner of its own, and ``connect`` is called on first use.
    ``live``: the claims that are worked on; enter a claim there before it is written, until the work has ended.
    """

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect
        self._id = uuid.uuid4()
        self._leased = ""  # the owner whose lease is written
        self.live = LiveClaims()

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
        self._leased = self.owner

    def _own(self) -> str:
        """The calling process, with a lease: to others, an owner without one would be dead."""
        if self._leased != self.owner:
            self.renew_lease()
        return self.owner

    def _tidy(self, connection: Connection) -> None:
        """Delete what nobody asks for any more; done once in the life of a process."""
        now = time.time()
        connection.execute(delete(services).where(services.c.expires_at < now - 100 * LEASE))
        removed = jobs.c.phase == Phase.REMOVED.value
        connection.execute(delete(jobs).where(removed, jobs.c.changed_at < now - KEEP_REMOVED))
        connection.execute(RELEASE_JOBLESS)

    def end_lease(self) -> None:
        """Say that this process is about to end; its jobs may be taken over at once."""
        with answering(), self._database.begin() as connection:
            connection.execute(delete(services).where(services.c.id == self.owner))

    def get(self, jid: JobId, kind: JobKind) -> Record | None:
        """The row of a job, or None."""
        with answering(), self._database.connect() as connection:
            rows = connection.execute(SELECT_ONE, {"jid": jid, "kind": kind.value}).mappings()
            row = rows.one_or_none()
        return self._read(row) if row else None

    def _read(self, row: Mapping[Any, Any]) -> Record:
        mine = row["owner"] is not None and row["owner"] == self.owner
        return record_of(row, owned=row["claim"] in self.live if mine else owner_lives(row))

    def claim(
        self, jid: JobId, kind: JobKind, request: str, places: Iterable[Place] = (), **values: Any
    ) -> Claimed | Record | Blocked:
        """Become the owner of a new job, or get the record of the one that is in the way.

        A job that ended badly or was removed is replaced. Of any number of callers at once, one gets Claimed.
        ``places``: what the job mounts of users' directories. Where other jobs' places are in the way: Blocked.
        ``values`` are columns of the new row that differ from those of a job whose inputs are about to be staged;
        ``claim`` among them is one that the caller has entered in ``live``.
        """
        wanted = tuple(places)
        while True:
            fresh = storable({**fresh_row(jid, kind, request, self._own()), **values})
            claimed = record_of(fresh, owned=fresh["owner"] is not None)
            try:
                if blocked := self._write_claim(INSERT, claimed, fresh, wanted):
                    return blocked
                return Claimed(claimed, None)
            except IntegrityError:
                found = self.get(jid, kind)
            if found is None:
                continue
            if not found.replaceable:
                return found
            columns = {key: fresh[key] for key in fresh.keys() - {"jid", "kind"}}
            try:
                statement = IN_PHASE[found.phase]
                if blocked := self._write_claim(statement, claimed, {**columns, **naming(found)}, wanted):
                    return blocked
                return Claimed(claimed, found)
            except _LostError:
                continue

    def _write_claim(
        self, statement: Insert | Update, claimed: Record, values: dict[str, Any], wanted: tuple[Place, ...]
    ) -> Blocked | None:
        """Write a row and its places, or nothing. Raises IntegrityError, _LostError when the row has changed."""
        request = request_id(claimed.request, claimed.claim)
        job = {"jid": claimed.jid, "kind": claimed.kind.value, "request": request, "holder": self.owner}
        try:
            with answering(), self._database.begin() as connection:
                if connection.execute(statement, values).rowcount == 0:
                    raise _LostError
                if held := take_places(connection, job, wanted):
                    raise _BlockedError(held)  # undoes the first statement
        except _BlockedError as blocked:
            return Blocked(blocked.held)
        return None

    def take_over(self, record: Record, claim: str) -> Record | None:
        """Become the owner of an interrupted job, under a claim entered in ``live``; None when another was faster."""
        mine = replace(record, claim=claim, changed_at=time.time(), owned=True)
        values = {"claim": mine.claim, "owner": self._own(), "changed_at": mine.changed_at}
        with answering(), self._database.begin() as connection:
            connection.execute(DROP, naming(record))  # that owner asks the engine for nothing any more
            done = connection.execute(IN_PHASE[record.phase], {**values, **naming(record)})
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
        """Move a job forward and write ``values`` (columns). False when the claim is lost or the phase has passed.

        Leaving the phases that have an owner ends the ownership. still: only from the phase that ``record`` has.
        settled: see ``settle``. ended: nothing of the job can run any more, its places are free.
        """
        values.update(phase=phase.value, changed_at=time.time())
        if phase not in OWNED:
            values["owner"] = None
        elif phase is Phase.REMOVING:
            values["owner"] = self._own()
        with answering(), self._database.begin() as connection:
            statement = IN_PHASE[record.phase] if still else BEFORE[phase]
            done = connection.execute(statement, {**storable(values), **naming(record)})
            if done.rowcount and settled:
                connection.execute(SETTLE, {"of_request": unsigned(settled)})
            if done.rowcount and ended:
                connection.execute(RELEASE_ENDED, of_job(record))
        return bool(done.rowcount)

    def begin_again(self, record: Record, claim: str, **values: Any) -> bool:
        """Lead a job in SCHEDULED back to SCHEDULING under a new claim, without an owner: recovery goes on with it.

        False when the claim is lost or the phase has passed.
        """
        again = {"phase": Phase.SCHEDULING.value, "claim": claim, "owner": None, "changed_at": time.time()}
        return self._update(IN_PHASE[Phase.SCHEDULED], record, {**again, **values})

    def note(self, record: Record, message: str) -> bool:
        """Tell users what is going on. False when the claim is lost or the phase has passed."""
        return self._update(IN_PHASE[record.phase], record, {"message": message})

    def save_status(self, record: Record, status: JobStatus, logs: str) -> None:
        """Keep what the engine tells of a job that goes on."""
        self._update(IN_PHASE[Phase.SCHEDULED], record, {"status": status.value, "logs": logs})

    def scheduled(self) -> list[tuple[JobId, JobKind]]:
        """This process's share of the jobs that the engine has: together, all living processes have all of them."""
        with answering(), self._database.connect() as connection:
            living = sorted(row["id"] for row in connection.execute(SELECT_SERVICES).mappings() if owner_lives(row))
            if self.owner not in living:
                return []
            mine = living.index(self.owner)
            rows = connection.execute(SELECT_SCHEDULED).all()
        found = [(JobId(jid), JobKind(kind)) for jid, kind in rows]
        return [job for job in found if zlib.crc32("-".join(job).encode()) % len(living) == mine]

    def delete(self, record: Record) -> None:
        """Delete the row of a job, unless it has another claim by now, and release its places."""
        with answering(), self._database.begin() as connection:
            connection.execute(DELETE_ROW, naming(record))
            connection.execute(RELEASE, {"of_request": request_id(record.request, record.claim)})

    def hold(self, request: str) -> None:
        """Say that this process is about to ask the engine for a try of a job (``request_id``, signed or not)."""
        self._change_places(HOLD, {"of_request": unsigned(request), "new_holder": self._own()})

    def settle(self, request: str) -> None:
        """Say that nobody asks the engine for that try any more: what it knows of the job is all there is."""
        self._change_places(SETTLE, {"of_request": unsigned(request)})

    def release(self, request: str) -> None:
        """Say that nothing of that try can run any more."""
        self._change_places(RELEASE, {"of_request": unsigned(request)})

    def _change_places(self, statement: Update | Delete, values: dict[str, str]) -> None:
        with answering(), self._database.begin() as connection:
            connection.execute(statement, values)

    def abandoned(self) -> list[Record]:
        """The jobs whose owner has died or given up in the middle of something."""
        with answering(), self._database.connect() as connection:
            rows = connection.execute(SELECT_OWNED).mappings().all()
        return [record for row in rows if (record := self._read(row)).interrupted]

    def settle_abandoned(self) -> None:
        """``settle`` the tries for which this process is said to ask the engine, though it has ended that."""
        with answering(), self._database.begin() as connection:
            requests = connection.execute(HELD_BY, {"of_holder": self.owner}).scalars().all()
            for request in requests:
                if first_claim(request) not in self.live:
                    connection.execute(SETTLE, {"of_request": request})

    def _update(self, statement: Update, record: Record, values: dict[str, Any]) -> bool:
        with answering(), self._database.begin() as connection:
            done = connection.execute(statement, {**storable(values), **naming(record)})
        return bool(done.rowcount)
