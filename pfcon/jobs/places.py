"""Places: the users' directories that a job mounts. Finding them, and releasing those of jobs that have ended."""

import logging
from typing import Protocol

from pfcon.errors import Absent, Conflict, InvalidFields
from pfcon.jobs.about import of_job, of_name
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import service_matcher
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import InputRequest, JobStatus
from pfcon.records import Blocked, Held, Phase, Place, Record, unsigned
from pfcon.service_log import working_on
from pfcon.spelling import path_key

log = logging.getLogger(__name__)


class Recover(Protocol):
    """Continues or ends the job of an interrupted record. Raises Unreachable."""

    def __call__(self, record: Record) -> None: ...


def places_of(context: JobContext, request: InputRequest) -> tuple[Place, ...]:
    """Return the users' directories that a request's job will mount, in any of its phases.

    Raises InvalidFields for inputs below the job's own outputs: while one worker or a second attempt of the job waits
    for its mounts, another worker could replace a directory on their paths with a symbolic link.
    """
    found = tuple(
        Place(str(mount.source), path_key(context.storebase, str(mount.source)), writable=not mount.read_only)
        for mount in context.storage.places(request)
    )
    for place in found:
        for other in found:
            if other.writable and place.key.startswith(other.key + "/"):
                raise InvalidFields({"input_dirs": f"{place.path!r} must not lie below output_dir, {other.path!r}"})
    return found


class PlaceKeeper:
    """Checks whether the jobs that block a new job have ended: their records may be out of date."""

    def __init__(self, context: JobContext, scheduler: Scheduler, recover: Recover) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._recover = recover

    def release_ended(self, blocked: Blocked) -> None:
        """Release the places of jobs that have ended. Raises Conflict for a job that has not ended; Unreachable.

        Once it returns, another attempt to claim the job may succeed.
        """
        for held in blocked.by:
            with working_on(of_job(held)):
                if not self._has_ended(held):
                    raise Conflict(_reason(held))
                self._journal.release(held.request)

    def _has_ended(self, held: Held) -> bool:
        """Return whether that attempt of a job has ended, and no part of it can start any more."""
        record = self._journal.get(held.jid, held.kind)
        if record is not None and record.interrupted:
            self._recover(record)
            record = self._journal.get(held.jid, held.kind)
        asking = held.asking
        if record is not None and record.phase is Phase.SCHEDULED and _is_of(record, held):
            self._scheduler.states.refresh(record)
            record = self._journal.get(held.jid, held.kind)
            asking = False
        if record is not None and record.phase not in (Phase.FINAL, Phase.REMOVED) and _is_of(record, held):
            return False
        return not asking and self._is_off_engine(held)

    def _is_off_engine(self, held: Held) -> bool:
        """Return whether the engine no longer runs a job whose record has ended."""
        name = held.kind.engine_name(held.jid)
        ours = service_matcher(self._context, name)
        try:
            info = self._context.engine_of(held.kind).info(
                name, lambda its: unsigned(its) == held.request and ours(its)
            )
        except Absent:
            return True
        if info.status.ended:
            return True
        if info.status is JobStatus.UNDEFINED or not self._context.options.remove_jobs:
            return False  # its state is unknown; or it was cancelled, and ends soon
        log.warning(
            "job %s runs, although its record has ended: the process that was to roll it back has died; removing it",
            name,
            extra=of_name(name),
        )
        self._context.engine_of(held.kind).remove(name, info.request.__eq__)
        return True


def _is_of(record: Record, held: Held) -> bool:
    """Return whether a record is about that attempt of the job; True before a job is scheduled, which has no id yet."""
    return record.spec is None or unsigned(record.spec.request) == held.request


def _reason(held: Held) -> str:
    path, jid = held.wanted.path, held.jid
    if held.above:
        return (
            f"{path!r} can't be used: job {jid} may write to it or to a directory above it, and has not ended: "
            "wait for its end, or delete it"
        )
    return (
        f"{path!r} can't be an output directory: job {jid} uses it or a directory in it, and has not ended: "
        "wait for its end, or delete it"
    )
