"""Becoming the only owner of a job, also if several requests for it arrive at the same time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from pfcon.errors import Conflict, PfconError, StorageFull, TooManyJobs
from pfcon.jobs.context import JobContext
from pfcon.jobs.operations import operation_spec
from pfcon.jobs.ownership import signed_request
from pfcon.jobs.places import PlaceKeeper
from pfcon.models import CopyRequest, DataPaths, JobId, JobKind, JobStatus, Resources, UploadRequest
from pfcon.polling import polls
from pfcon.records import NO_LIMITS, Blocked, Claimed, Phase, Place, Record, TooMany, new_claim
from pfcon.settings.jobs import ActiveLimits
from pfcon.units import human_bytes

NEEDED = 1 << 20  # bytes of storeBase that a job needs besides its data: records, orders, an engine's files
SAME_JOB_WAIT = 600.0  # seconds; longest wait of a repeated POST for the first one to stage
POLL = 0.1  # seconds


class Claimer:
    """Claims records of jobs. ``recover`` continues or ends the job of an interrupted record."""

    def __init__(self, context: JobContext, recover: Callable[[Record], None], keeper: PlaceKeeper) -> None:
        self._context = context
        self._journal = context.journal
        self._recover = recover
        self._keeper = keeper

    @contextmanager
    def claimed(
        self,
        jid: JobId,
        kind: JobKind,
        digest: str,
        places: tuple[Place, ...] = (),
        limits: ActiveLimits = NO_LIMITS,
        **values: Any,
    ) -> Iterator[Claimed | Record]:
        """Become the job's owner and return the claim; or return the record of the same job once it is staged.

        The claim is live until the end of the context: a job that is not scheduled then, and not handed over, counts
        as abandoned. Raises Conflict if the jid has a job of that kind for another request, or if ``places`` conflict
        with those of another job that has not ended; TooManyJobs, StorageFull, Unreachable. After an error nothing has
        changed.
        """
        claim = values.setdefault("claim", new_claim())
        with self._journal.live.on(claim):
            try:
                found = self._claim(jid, kind, digest, places=places, limits=limits, **values)
            except StorageFull as error:
                raise StorageFull(f"{error}; {self._room()[1]}") from error
            if isinstance(found, Claimed) and values.get("phase", Phase.STAGING.value) == Phase.STAGING.value:
                self._require_room(found.record)
            yield found

    def _require_room(self, record: Record) -> None:
        """Delete the record of a new job if the disk is too full for it. Raises StorageFull with the sizes, OSError."""
        room, figures = 0, ""
        try:
            room, figures = self._room()
        finally:
            if room < NEEDED:
                with suppress(PfconError):  # the claim expires
                    self._journal.delete(record)
        if room < NEEDED:
            raise StorageFull(f"a job needs {human_bytes(NEEDED)} besides its data; {figures}")

    def _room(self) -> tuple[int, str]:
        free, must_stay = self._context.storebase.free_bytes(), self._context.storage_settings.limits.free_bytes
        figures = f"storeBase has {human_bytes(free)} free ({free} bytes)"
        if must_stay:
            figures += f", and {human_bytes(must_stay)} must stay free (PFCON_MIN_FREE_BYTES)"
        return free - must_stay, figures

    def _claim(self, jid: JobId, kind: JobKind, digest: str, **how: Any) -> Claimed | Record:
        recovered = False
        late = None
        for _ in polls(SAME_JOB_WAIT, POLL):
            while not isinstance(found := self._journal.claim(jid, kind, digest, **how), Claimed):
                if isinstance(found, TooMany):
                    raise _too_many(found)
                if isinstance(found, Blocked):
                    self._keeper.release_ended(found)
                elif found.interrupted and not (recovered and found.phase is Phase.SCHEDULING):
                    self._recover(found)  # it is still in SCHEDULING if its engine does not answer
                    recovered = True
                else:
                    break
            if isinstance(found, Claimed):
                return found
            if found.phase is not Phase.REMOVING and found.request != digest:
                raise Conflict(f"another {kind} job with jid {jid} exists; delete it first, or use another jid")
            if found.phase not in (Phase.STAGING, Phase.REMOVING):
                return found
            late = found.phase
        raise Conflict(f"job {jid} has been in phase {late} for too long; try again later")

    @contextmanager
    def claimed_operation(
        self, request: CopyRequest | UploadRequest, kind: JobKind, digest: str, message: str
    ) -> Iterator[Claimed | Record]:
        """Like ``claimed``, for an operation, with its specification in the record. Raises what ``claimed`` raises."""
        claim = new_claim()
        signed = signed_request(self._context, kind.engine_name(request.jid), digest, claim)
        limits = Resources(cpu=request.cpu_limit, memory=request.memory_limit)
        spec = replace(operation_spec(self._context, request.jid, kind, signed, limits), paths=_paths_of(request))
        with self.claimed(request.jid, kind, digest, claim=claim, spec=spec.to_json(), message=message) as claimed:
            yield claimed

    def skip(self, jid: JobId, kind: JobKind, message: str) -> Record:
        """Record a job that has nothing to do as one that has succeeded; return its record."""
        values: dict[str, Any] = {
            "phase": Phase.FINAL.value,
            "status": JobStatus.SUCCEEDED.value,
            "message": message,
            "owner": None,
        }
        with self.claimed(jid, kind, message, **values) as found:
            return found.record if isinstance(found, Claimed) else found


def _paths_of(request: CopyRequest | UploadRequest) -> DataPaths:
    if isinstance(request, CopyRequest):
        return DataPaths(tuple(map(str, request.input_dirs)), str(request.output_dir))
    return DataPaths(output=str(request.job_output_path))


def _too_many(found: TooMany) -> TooManyJobs:
    of_whom, name = "", "PFCON_MAX_ACTIVE_JOBS"
    if found.owner is not None:
        of_whom, name = f" of user {found.owner!r}", "PFCON_MAX_ACTIVE_JOBS_PER_OWNER"
    numbers = f"{found.active}, and the limit is {found.limit} ({name})"
    return TooManyJobs(f"too many active jobs{of_whom}: {numbers}; post this one again once some have ended")
