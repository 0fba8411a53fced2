"""Delete jobs: cancelling the other jobs of a jid, then deleting its data in the background."""

import logging
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from pfcon.background import BackgroundPool
from pfcon.errors import Conflict, PfconError, StorageFull, Unreachable
from pfcon.jobs.about import of_id, of_record
from pfcon.jobs.cancelling import Canceller
from pfcon.jobs.claiming import Claimer
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds.base import Conclusion
from pfcon.jobs.kinds.operation import Operation
from pfcon.jobs.operations import operation_spec
from pfcon.jobs.ownership import service_matcher, signed_request
from pfcon.jobs.pending_writes import PendingWrites
from pfcon.jobs.repetition import with_run
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.shown_log import earlier_logs
from pfcon.jobs.trash import delete_data, delete_remains
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Resources
from pfcon.progress import Progress, clear_progress
from pfcon.reasons import Reason, Why, explain
from pfcon.records import Phase, Record, new_claim

log = logging.getLogger(__name__)

DELETE_SKIPPED = "deleteSkipped"
REPLACED = "deleted what the job had created in place of its directory"
GONE = "deleted the data of the job"  # if the report of how many files is gone, too
DELETED = "deleted immediately: storeBase was full"
SIBLINGS = (JobKind.COPY, JobKind.PLUGIN, JobKind.UPLOAD)  # that use the data of their jid
_POOL = BackgroundPool(16)  # deletions of one process; each waits most of the time for the engine of a cancelled job


class DeleteKind(Operation):
    """Delete jobs."""

    job_kind = JobKind.DELETE

    def secrets(self, context: JobContext) -> tuple[str, ...]:
        """See Kind. No secrets: it deletes in storeBase only."""
        return ()

    def resume(self, context: JobContext, scheduler: Scheduler, record: Record) -> bool:
        """See Kind. Cancels the other jobs first: they may still be active."""
        Deletion(context, scheduler).proceed_later(record)
        return True

    def conclude_success(
        self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo, progress: Progress | None
    ) -> Conclusion:
        """See Operation. The operation has emptied the job's directory; this deletes the directory itself.

        With it goes the operation's report: a process that concludes the same end a moment later finds none.
        """
        if fault := delete_remains(context.storebase.job(record.jid)):
            reason = f"the job's data could not be deleted: {fault}"
            return Conclusion(replace(info, status=JobStatus.FAILED, message=reason))
        return Conclusion(replace(info, message=with_run(spec, progress.message if progress else GONE)))

    def earlier_logs(self, context: JobContext, record: Record) -> str:
        """See Kind: why the jobs failed whose data it deletes. ChRIS replaces their log by this one."""
        found = (context.journal.get(record.jid, kind) for kind in SIBLINGS)
        return earlier_logs(earlier for earlier in found if earlier is not None)

    def pending_end(self, jid: JobId, pending: PendingWrites) -> JobInfo | None:
        """See Kind: the end of a deletion on a full disk."""
        return _deleted(jid) if _pending_name(jid) in pending else None


class Deletion:
    """Executes delete jobs: cancels the other jobs of the jid, then schedules the operation."""

    def __init__(self, context: JobContext, scheduler: Scheduler) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._canceller = Canceller(context, scheduler, SIBLINGS)

    def proceed_later(self, record: Record) -> None:
        """Run ``proceed`` in the background, after deletions that were requested earlier."""
        work = ExitStack()
        work.enter_context(self._journal.live.on(*record.claims))

        def proceed() -> None:
            with work:
                self.proceed(record)

        try:
            _POOL.add(f"delete {record.jid}", proceed)
        except BaseException:
            work.close()
            raise

    def proceed(self, record: Record) -> None:
        """Cancel the other jobs, then schedule the operation. A failure ends the job, or recovery retries it later.

        Raises Unreachable if the failure can't be recorded: then, too, recovery retries it.
        """
        spec = record.spec
        if spec is None:
            raise LookupError(f"the delete job of {record.jid} has no specification in its record")
        try:
            for kind in self._canceller.active(record.jid):
                self._scheduler.set_message(record, f"stopping the {kind.value} job")
                self._canceller.cancel(record.jid, kind)
            self._delete(record, spec)
        except (Unreachable, StorageFull) as error:
            self._scheduler.set_message(record, f"{error}; trying again")
        except (PfconError, OSError) as error:
            self._scheduler.fail(record, error.why if isinstance(error, PfconError) else Why(str(error)))
        except Exception:  # nothing else catches it in this thread; the user must not wait forever
            log.exception("job %s: its deletion failed", record.jid, extra=of_record(record))
            self._scheduler.fail(record, explain(Reason.INTERNAL_ERROR))

    def _delete(self, record: Record, spec: JobSpec) -> None:
        job = self._context.storebase.job(record.jid)
        message = ""
        if job.exists():
            try:
                self._scheduler.schedule(record, spec)
                return
            except StorageFull as error:  # an operation needs disk space for itself
                log.warning("job %s: %s; deleting without it", record.name, error, extra=of_record(record))
                message = DELETED
        message = message or (REPLACED if job.is_taken() else DELETE_SKIPPED)
        delete_data(job)
        ended: dict[str, Any] = {"status": JobStatus.SUCCEEDED.value, "message": message, "finished_at": time.time()}
        self._scheduler.pending_writes.write(
            _pending_name(record.jid), lambda: self._journal.move(record, Phase.FINAL, **ended)
        )


class DeleteSubmitter:
    """Claims delete jobs."""

    def __init__(self, context: JobContext, scheduler: Scheduler, claimer: Claimer) -> None:
        self._context = context
        self._scheduler = scheduler
        self._journal = context.journal
        self._canceller = Canceller(context, scheduler, SIBLINGS)
        self._deletion = Deletion(context, scheduler)
        self._claimer = claimer

    def submit(self, jid: JobId, limits: Resources) -> JobInfo:
        """Begin a job's deletion, unless it is in progress or nothing is left to delete.

        If the disk is too full to record that, everything is deleted before this returns. Raises Conflict while other
        jobs of the jid are active, if PFCON_DELETE_ACTIVE says so; Unreachable while storeBase does not answer.
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
            fields = of_id(jid, JobKind.DELETE)
            log.warning("job %s: deleting it before that is recorded: %s", jid, error, extra=fields)
        for kind in active:
            self._canceller.cancel(jid, kind)
        delete_data(self._context.storebase.job(jid))
        self._scheduler.pending_writes.write(
            _pending_name(jid), lambda: self._claimer.skip(jid, JobKind.DELETE, DELETED)
        )
        return _deleted(jid)

    def _begin(self, jid: JobId, active: list[JobKind], limits: Resources) -> JobInfo:
        self._delete_earlier_record(jid)
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
                with suppress(OSError):  # the operation will get the same error, and report it
                    clear_progress(self._context.storebase.job(jid), JobKind.DELETE)  # of an earlier deletion
            if active:
                self._deletion.proceed_later(claimed.record)
                return claimed.record.info
            self._deletion.proceed(claimed.record)
            current = self._journal.get(jid, JobKind.DELETE)
            return (current or claimed.record).info

    def _active(self, jid: JobId) -> list[JobKind]:
        """Return the kinds of the active jobs of the jid, which have to be cancelled first.

        While an engine does not answer, returns PLUGIN if jobs may be cancelled: the delete job finds out once the
        engine answers again. Clients give up on a deletion after some refusals, and the job would run forever.
        """
        try:
            return self._canceller.active(jid)
        except Unreachable:
            if not self._context.cancel_active:
                raise
            return [JobKind.PLUGIN]

    def _delete_earlier_record(self, jid: JobId) -> None:
        """Delete the record of a deletion that has ended: the present data are newer."""
        record = self._journal.get(jid, JobKind.DELETE)
        if record is not None and record.phase is Phase.FINAL:
            self._context.operations.remove(record.name, service_matcher(self._context, record.name, record))
            self._journal.delete(record)


def _pending_name(jid: JobId) -> str:
    """Return the name of a deletion that is done but not recorded: see PendingWrites."""
    return f"delete {jid}"


def _deleted(jid: JobId) -> JobInfo:
    return JobInfo(JobKind.DELETE.engine_name(jid), JobStatus.SUCCEEDED, DELETED)
