"""Recovering jobs whose owner, a service process, has died or could not complete its work."""

import logging
from datetime import UTC, datetime

from pfcon.errors import PfconError, StorageFull, Unreachable
from pfcon.jobs.about import of_job, of_record
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobStatus
from pfcon.reasons import CANCELLED, Reason, explain
from pfcon.records import Phase, Record, new_claim
from pfcon.service_log import working_on

log = logging.getLogger(__name__)

_LOST = explain(Reason.INTERRUPTED, cause="pfcon or its database was stopped while it prepared the job; run it again")


class Recovery:
    """Takes over interrupted records and continues or ends their jobs."""

    def __init__(self, context: JobContext, scheduler: Scheduler, remover: Remover) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._remover = remover

    def recover_all(self) -> None:
        """Recover every interrupted job, and delete the environments that no job needs any more.

        Raises Unreachable if the records can't be read, OSError.
        """
        self._remover.pending_writes.retry()
        for record in self._journal.abandoned():
            if record.claim in self._remover.pending_writes:
                continue
            try:
                self.recover(record)
            except Exception as error:  # noqa: BLE001 - a job that can't be recovered must not block the others
                log.warning(
                    "job %s (%s): it can't be continued yet: %s",
                    record.jid,
                    record.kind,
                    error,
                    extra=of_record(record),
                )
        self._remover.rollbacks.retry()
        self._journal.settle_abandoned()
        self._context.environments.delete_unused(self._journal)

    def recover(self, record: Record) -> None:
        """Continue an interrupted job, or end it, unless another process does.

        Raises Unreachable or StorageFull if that is not possible now; the next recovery tries again.
        """
        claim = new_claim()
        with working_on(of_record(record)), self._journal.live.on(claim, *record.claims):
            owned = self._journal.take_over(record, claim)
            if owned is None:
                return
            log.warning(
                "job %s (%s): its owner stopped in phase %s; continuing",
                owned.jid,
                owned.kind,
                owned.phase,
                extra=of_job(owned),
            )
            if record.to_cancel:  # of the attempt before it was taken over
                self._end_cancelled(owned)
            elif owned.phase is Phase.STAGING:
                self._end_staging(owned)
            elif owned.phase is Phase.SCHEDULING:
                self._schedule(owned)
            else:
                self._remover.finish(owned)

    def _end_cancelled(self, record: Record) -> None:
        """End a job that a client has cancelled before its owner stopped."""
        if record.phase is Phase.STAGING:
            self._context.kinds[record.kind].end_staging(self._context, record)
        else:
            self._remover.remove_from_engine(record)
        self._scheduler.fail(record, CANCELLED, ended=True)

    def _end_staging(self, record: Record) -> None:
        """End a job whose request was lost with its service process: only the client can send it again."""
        status = self._context.kinds[record.kind].end_staging(self._context, record)
        self._journal.move(
            record,
            Phase.FINAL,
            status=status.value,
            message=_LOST.message,
            reason=_LOST.reason,
            finished_at=datetime.now(UTC).timestamp(),
            ended=True,
        )

    def _schedule(self, record: Record) -> None:
        if self._context.kinds[record.kind].resume(self._context, self._scheduler, record):
            return
        if record.spec is None:
            raise LookupError(f"job {record.jid} is to be scheduled, but its record has no specification")
        request = record.spec.request
        self._journal.hold(request)
        if not self._journal.note(record, record.message):
            self._journal.settle(request)  # it was cancelled just now
            return
        try:
            self._scheduler.schedule(record, record.spec)
        except (Unreachable, StorageFull):
            raise
        except PfconError as error:
            was_interrupted = record.spec.attempt > 1  # an interrupted operation, which its client may post again
            self._scheduler.fail(record, error.why, JobStatus.UNDEFINED if was_interrupted else JobStatus.FAILED)
            self._remover.release_refused(record, request)
