"""Delete jobs: stopping what is left of a job, then deleting its data in the background."""

import logging
import time
from contextlib import ExitStack, suppress
from typing import Any

from pfcon.background import BackgroundPool
from pfcon.errors import Absent, Conflict, Foreign, PfconError, StorageFull, Unreachable
from pfcon.jobs.claiming import Claimer
from pfcon.jobs.context import JobContext
from pfcon.jobs.operations import operation_spec
from pfcon.jobs.ownership import any_of_ours, in_the_way, signed_request, that_of
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.trash import discard
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Resources
from pfcon.progress import clear_progress
from pfcon.records import Phase, Record, new_claim

log = logging.getLogger(__name__)

DELETE_SKIPPED = "deleteSkipped"
REPLACED = "deleted what the job had put in its directory's place"
CANCELLED = "cancelled by a delete job"
DELETED = "deleted at once: storeBase was full"
SIBLINGS = (JobKind.COPY, JobKind.PLUGIN, JobKind.UPLOAD)
STOP_WAIT = 120.0  # seconds that a job may take to end after it was cancelled
POLL = 0.2  # seconds
AT_ONCE = 16  # jobs that one process stops for their deletion; each waits for its engine most of the time


class Deleter:
    """Carries delete jobs out, and knows what is active of a jid."""

    def __init__(self, context: JobContext, scheduler: Scheduler) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._pool = BackgroundPool(AT_ONCE)

    def proceed_later(self, record: Record) -> None:
        """``proceed`` beside the caller, after deletions that were asked for earlier."""
        work = ExitStack()
        work.enter_context(self._journal.live.on(*record.claims))

        def proceed() -> None:
            with work:
                self.proceed(record)

        try:
            self._pool.add(f"delete {record.jid}", proceed)
        except BaseException:
            work.close()
            raise

    def active(self, jid: JobId) -> list[JobKind]:
        """The kinds of which the jid has a job that has not ended, recorded or not.

        Raises Unreachable, and Conflict where the data may be those of a job that another pfcon has made.
        """
        return [kind for kind in SIBLINGS if self._is_active(jid, kind)]

    def proceed(self, record: Record) -> None:
        """Stop the other jobs, then schedule the operation. A failure ends the job, or leaves it to recovery.

        Raises Unreachable where neither can be written down: that too leaves it to recovery.
        """
        spec = record.spec
        if spec is None:
            raise LookupError(f"the delete job of {record.jid} has no specification in its record")
        try:
            for kind in self.active(record.jid):
                self._scheduler.mention(record, f"stopping the {kind.value} job")
                self.stop(record.jid, kind)
            self._delete(record, spec)
        except (Unreachable, StorageFull) as error:
            self._scheduler.mention(record, f"{error}; trying again")
        except (PfconError, OSError) as error:
            self._scheduler.fail(record, str(error))
        except Exception:  # a thread has no caller; the user must not wait for ever
            log.exception("job %s: its deletion failed", record.jid)
            self._scheduler.fail(record, "internal error; the service's log tells more")

    def _delete(self, record: Record, spec: JobSpec) -> None:
        job = self._context.storebase.job(record.jid)
        message = ""
        if job.exists():
            try:
                self._scheduler.schedule(record, spec)
                return
            except StorageFull as error:  # an operation needs room for itself
                log.warning("job %s: %s; deleting without it", record.name, error)
                message = DELETED
        message = message or (REPLACED if job.is_taken() else DELETE_SKIPPED)
        discard(job)
        ended: dict[str, Any] = {"status": JobStatus.SUCCEEDED.value, "message": message, "finished_at": time.time()}
        self._scheduler.unwritten.write(waiting(record.jid), lambda: self._journal.move(record, Phase.FINAL, **ended))

    def _is_active(self, jid: JobId, kind: JobKind) -> bool:
        record = self._journal.get(jid, kind)
        if record is None or record.phase is Phase.REMOVED:
            return self._runs_unrecorded(jid, kind)
        if record.phase is Phase.SCHEDULED:
            return not self._scheduler.look(record)[0].status.final
        return record.phase is not Phase.FINAL

    def _runs_unrecorded(self, jid: JobId, kind: JobKind) -> bool:
        """Whether the engine runs a job that has no record, because that is in another database, or lost.

        One that this service has not signed may be its own for all that, made before its key or its records were lost:
        where nothing speaks of the data but that job, they stay while it runs.
        """
        name, engine = kind.engine_name(jid), self._context.engine_of(kind)
        try:
            return not _has_ended(engine.info(name, any_of_ours(self._context, name)))
        except Foreign as found:
            spoken_of = any(self._journal.get(jid, other) for other in SIBLINGS)
            if found.ended or spoken_of or not self._context.storebase.job(jid).is_taken():
                return False
            reason = in_the_way(self._context, name, found)
            raise Conflict(f"the data of {jid} may be in use and are not deleted: {reason}") from None
        except Absent:
            return False

    def stop(self, jid: JobId, kind: JobKind) -> None:
        """Cancel a job and wait for its end. Raises Unreachable when that does not come."""
        patience = time.monotonic() + STOP_WAIT
        while self._is_active(jid, kind):
            record = self._journal.get(jid, kind)
            if record is None or record.phase is Phase.REMOVED:
                name = kind.engine_name(jid)
                with suppress(Absent):  # gone before it was cancelled
                    self._context.engine_of(kind).cancel(name, any_of_ours(self._context, name))
            elif record.phase in (Phase.STAGING, Phase.SCHEDULING):
                try:
                    self._end_beginning(record)
                except StorageFull:
                    self._context.engine_of(kind).remove(record.name, that_of(self._context, record))
                    return
            elif record.phase is Phase.SCHEDULED:
                self._cancel(record)
            if time.monotonic() > patience:
                raise Unreachable(f"the {kind.value} job of {jid} does not end")
            time.sleep(POLL)

    def _end_beginning(self, record: Record) -> None:
        """End a job that is not known to be on its engine. Its owner finds out, and takes back what it began.

        Where it has none, as when the engine did not answer, that is done here, before anything is deleted.
        """
        if record.phase is not Phase.SCHEDULING or not record.interrupted:
            self._scheduler.fail(record, CANCELLED)
            return
        claim = new_claim()
        with self._journal.live.on(claim, *record.claims):
            owned = self._journal.take_over(record, claim)
            if owned is not None:
                self._context.engine_of(owned.kind).remove(owned.name, that_of(self._context, owned))
                self._scheduler.fail(owned, CANCELLED)

    def _cancel(self, record: Record) -> None:
        try:
            self._context.engine_of(record.kind).cancel(record.name, that_of(self._context, record))
        except Absent:
            log.debug("job %s: gone before it was cancelled", record.name)


class Deletions:
    """Claims delete jobs."""

    def __init__(self, context: JobContext, scheduler: Scheduler, deleter: Deleter, claimer: Claimer) -> None:
        self._context = context
        self._scheduler = scheduler
        self._journal = context.journal
        self._deleter = deleter
        self._claimer = claimer

    def submit(self, jid: JobId, limits: Resources) -> JobInfo:
        """Begin a job's deletion, unless that goes on or there is nothing to delete.

        Where there is no room to write that down, all is deleted before this returns. Raises Conflict while other jobs
        of the jid are active, where PFCON_DELETE_ACTIVE says so; Unreachable while storeBase is away.
        """
        taken = self._context.storebase.job(jid).is_taken()
        active = self._active(jid)
        if active and not self._context.cancel_active:
            raise Conflict(f"the {active[0].value} job of {jid} is active; delete it first, or wait for its end")
        try:
            if not active and not taken:
                return self._claimer.skip(jid, JobKind.DELETE, DELETE_SKIPPED).info
            return self._begin(jid, active, limits)
        except StorageFull as error:
            log.warning("job %s: deleting it before that is written down: %s", jid, error)
        for kind in active:
            self._deleter.stop(jid, kind)
        discard(self._context.storebase.job(jid))
        self._scheduler.unwritten.write(waiting(jid), lambda: self._claimer.skip(jid, JobKind.DELETE, DELETED))
        return deleted(jid)

    def _begin(self, jid: JobId, active: list[JobKind], limits: Resources) -> JobInfo:
        self._forget_done(jid)
        claim = new_claim()
        signed = signed_request(self._context, JobKind.DELETE.engine_name(jid), "delete", claim)
        spec = operation_spec(self._context, jid, JobKind.DELETE, signed, limits)
        with self._claimer.claimed(
            jid,
            JobKind.DELETE,
            DELETE_SKIPPED,
            claim=claim,
            spec=spec.to_json(),
            phase=Phase.SCHEDULING.value,
            message=f"stopping the {active[0].value} job" if active else "about to delete",
        ) as claimed:
            if isinstance(claimed, Record):
                return claimed.info
            if self._context.storebase.job(jid).exists():
                with suppress(OSError):  # what stands in the way, the operation finds too, and tells
                    clear_progress(self._context.storebase.job(jid), JobKind.DELETE)  # that of an earlier deletion
            if active:
                self._deleter.proceed_later(claimed.record)
                return claimed.record.info
            self._deleter.proceed(claimed.record)
            current = self._journal.get(jid, JobKind.DELETE)
            return (current or claimed.record).info

    def _active(self, jid: JobId) -> list[JobKind]:
        """What has to be stopped first, as far as that is known while an engine is away.

        A delete job does not need to know yet: it stops what there is once the engine is back. Clients give up on a
        deletion after some refusals, and the job would run on for ever.
        """
        try:
            return self._deleter.active(jid)
        except Unreachable:
            if not self._context.cancel_active:
                raise
            return [JobKind.PLUGIN]

    def _forget_done(self, jid: JobId) -> None:
        """A deletion that is done says nothing of data that came after it."""
        record = self._journal.get(jid, JobKind.DELETE)
        if record is not None and record.phase is Phase.FINAL:
            self._context.operations.remove(record.name, any_of_ours(self._context, record.name, record))
            self._journal.forget(record)


def _has_ended(info: JobInfo) -> bool:
    """Not so where nothing is known of it."""
    return info.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)


def waiting(jid: JobId) -> str:
    """Names a deletion that is done, but not written down."""
    return f"delete {jid}"


def deleted(jid: JobId) -> JobInfo:
    """What is told of it."""
    return JobInfo(JobKind.DELETE.engine_name(jid), JobStatus.SUCCEEDED, DELETED)
