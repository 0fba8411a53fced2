"""Becoming the owner of a job, whoever else asks for the same at the same moment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pfcon.errors import Conflict, PfconError, StorageFull
from pfcon.jobs.context import JobContext
from pfcon.jobs.operations import operation_spec
from pfcon.jobs.ownership import signed_request
from pfcon.jobs.places import PlaceKeeper
from pfcon.models import CopyRequest, JobId, JobKind, JobStatus, Resources, UploadRequest
from pfcon.records import Blocked, Claimed, Phase, Place, Record, new_claim
from pfcon.units import human_bytes

NEEDED = 1 << 20  # bytes of storeBase that a job needs besides its data: records, orders, an engine's files
SAME_JOB_WAIT = 600.0  # seconds that a repeated POST waits for the first one to stage


class Claimer:
    """Claims rows. ``recover`` continues or ends the job of an interrupted record."""

    def __init__(self, context: JobContext, recover: Callable[[Record], None], keeper: PlaceKeeper) -> None:
        self._context = context
        self._journal = context.journal
        self._recover = recover
        self._keeper = keeper

    @contextmanager
    def claimed(
        self, jid: JobId, kind: JobKind, digest: str, places: tuple[Place, ...] = (), **values: Any
    ) -> Iterator[Claimed | Record]:
        """Become the job's owner, or get the record of the very same job once it is staged.

        The claim is live until the end of the context: what is not done then, and not handed over, is abandoned.
        Raises Conflict when the jid has a job of that kind for another request, or when ``places`` conflict with
        those of another job that has not ended; Unreachable. Then nothing has changed.
        """
        claim = values.setdefault("claim", new_claim())
        with self._journal.live.on(claim):
            try:
                found = self._claim(jid, kind, digest, places, values)
            except StorageFull as error:
                raise StorageFull(f"{error}; {self._room()[1]}") from error
            if isinstance(found, Claimed) and values.get("phase", Phase.STAGING.value) == Phase.STAGING.value:
                self._require_room(found.record)
            yield found

    def _require_room(self, record: Record) -> None:
        """Refuse a job that is new where there is no room for it. Raises StorageFull with the figures, OSError."""
        room, figures = 0, ""
        try:
            room, figures = self._room()
        finally:
            if room < NEEDED:
                with suppress(PfconError):  # its claim lapses
                    self._journal.delete(record)
        if room < NEEDED:
            raise StorageFull(f"a job needs {human_bytes(NEEDED)} for itself; {figures}")

    def _room(self) -> tuple[int, str]:
        free, must_stay = self._context.storebase.free_bytes(), self._context.limits.free_bytes
        figures = f"storeBase has {human_bytes(free)} free ({free} bytes)"
        if must_stay:
            figures += f", and {human_bytes(must_stay)} must stay free (PFCON_MIN_FREE_BYTES)"
        return free - must_stay, figures

    def _claim(
        self, jid: JobId, kind: JobKind, digest: str, places: tuple[Place, ...], values: dict[str, Any]
    ) -> Claimed | Record:
        patience = time.monotonic() + SAME_JOB_WAIT
        recovered = False
        while True:
            found = self._journal.claim(jid, kind, digest, places, **values)
            if isinstance(found, Claimed):
                return found
            if isinstance(found, Blocked):
                self._keeper.free(found)
                continue
            if found.interrupted and not (recovered and found.phase is Phase.SCHEDULING):  # its engine does not answer
                self._recover(found)
                recovered = True
                continue
            if found.phase is not Phase.REMOVING and found.request != digest:
                raise Conflict(f"another {kind} job with jid {jid} exists; delete it first, or use another jid")
            if found.phase not in (Phase.STAGING, Phase.REMOVING):
                return found
            if time.monotonic() > patience:
                raise Conflict(f"job {jid} is in phase {found.phase} for too long; try again later")
            time.sleep(0.1)

    @contextmanager
    def claimed_operation(
        self, request: CopyRequest | UploadRequest, kind: JobKind, digest: str, message: str
    ) -> Iterator[Claimed | Record]:
        """``claimed`` for a job of pfcon's own, with its specification in the record. Raises what that raises."""
        claim = new_claim()
        signed = signed_request(self._context, kind.engine_name(request.jid), digest, claim)
        limits = Resources(cpu=request.cpu_limit, memory=request.memory_limit)
        spec = operation_spec(self._context, request.jid, kind, signed, limits)
        with self.claimed(request.jid, kind, digest, claim=claim, spec=spec.to_json(), message=message) as claimed:
            yield claimed

    def skip(self, jid: JobId, kind: JobKind, message: str) -> Record:
        """Record a job that has nothing to do as one that ended well."""
        values: dict[str, Any] = {
            "phase": Phase.FINAL.value,
            "status": JobStatus.SUCCEEDED.value,
            "message": message,
            "owner": None,
        }
        with self.claimed(jid, kind, message, **values) as found:
            return found.record if isinstance(found, Claimed) else found
