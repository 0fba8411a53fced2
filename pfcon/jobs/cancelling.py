"""Cancelling a job for a client, and the jobs of a jid before its data are deleted, also jobs without a record."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from pfcon.errors import Absent, Conflict, Foreign, StorageFull, Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import foreign_job_error, job_matcher, service_matcher
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobId, JobKind
from pfcon.polling import polls
from pfcon.reasons import CANCELLED, Reason, explain
from pfcon.records import Phase, Record, new_claim
from pfcon.records.cancellations import request_cancellation
from pfcon.records.record import ACTIVE

BY_DELETE_JOB = explain(Reason.CANCELLED, by="delete job")
STOP_WAIT = 120.0  # seconds; longest wait for the end of a cancelled job
POLL = 0.2  # seconds
ATTEMPTS = 10  # to cancel a job whose phase changes each time


class Canceller:
    """Finds and cancels active jobs of certain kinds: those that use the data of their jid."""

    def __init__(self, context: JobContext, scheduler: Scheduler, kinds: Sequence[JobKind]) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._kinds = kinds

    def active(self, jid: JobId) -> list[JobKind]:
        """Return the kinds of jobs of the jid that have not ended, with or without a record.

        Raises Unreachable, and Conflict if the data may belong to a job of another pfcon service.
        """
        return [kind for kind in self._kinds if self._is_active(jid, kind)]

    def _is_active(self, jid: JobId, kind: JobKind) -> bool:
        record = self._journal.get(jid, kind)
        if record is None or record.phase is Phase.REMOVED:
            return self._runs_unrecorded(jid, kind)
        if record.phase is Phase.SCHEDULED:
            return not self._scheduler.states.refresh(record)[0].status.final
        return record.phase is not Phase.FINAL

    def _runs_unrecorded(self, jid: JobId, kind: JobKind) -> bool:
        """Return whether the engine runs a job without a record, which may be lost or in another database.

        A job that this service has not signed may still be its own, from before its key or its records were lost. So
        its data are not deleted while it runs if no record of the jid exists. Raises Conflict then.
        """
        name, engine = kind.engine_name(jid), self._context.engine_of(kind)
        try:
            return not engine.info(name, service_matcher(self._context, name)).status.ended
        except Foreign as found:
            recorded = any(self._journal.get(jid, other) for other in self._kinds)
            if found.ended or recorded or not self._context.storebase.job(jid).is_taken():
                return False
            reason = foreign_job_error(self._context, name, found)
            raise Conflict(f"the data of {jid} may be in use and are not deleted: {reason}") from None
        except Absent:
            return False

    def cancel(self, jid: JobId, kind: JobKind) -> None:
        """Cancel a job and wait for its end. Raises Unreachable if it does not end within STOP_WAIT."""
        for _ in polls(STOP_WAIT, POLL):
            if not self._is_active(jid, kind):
                return
            record = self._journal.get(jid, kind)
            if record is None or record.phase is Phase.REMOVED:
                name = kind.engine_name(jid)
                with suppress(Absent):  # it was removed before it was cancelled
                    self._context.engine_of(kind).cancel(name, service_matcher(self._context, name))
            elif record.phase in (Phase.STAGING, Phase.SCHEDULING):
                try:
                    self._cancel_unscheduled(record)
                except StorageFull:
                    self._context.engine_of(kind).remove(record.name, job_matcher(self._context, record))
                    return
            elif record.phase is Phase.SCHEDULED:
                with suppress(Absent):  # it was removed before it was cancelled
                    self._context.engine_of(kind).cancel(record.name, job_matcher(self._context, record))
        raise Unreachable(f"the {kind.value} job of {jid} was asked to stop and has not ended")

    def _cancel_unscheduled(self, record: Record) -> None:
        """End a job that may not be on its engine yet. Its owner notices that, and rolls the submission back.

        If no process owns it, for example because the engine did not answer, it is removed from the engine here.
        """
        if record.phase is not Phase.SCHEDULING or not record.interrupted:
            self._scheduler.fail(record, BY_DELETE_JOB)
            return
        claim = new_claim()
        with self._journal.live.on(claim, *record.claims):
            owned = self._journal.take_over(record, claim)
            if owned is not None:
                self._context.engine_of(owned.kind).remove(owned.name, job_matcher(self._context, owned))
                self._scheduler.fail(owned, BY_DELETE_JOB, ended=True)


class ClientCancellation:
    """Cancels a job for a client: it ends soon after, and its record, log and outputs are kept.

    recover: ends a job in STAGING or SCHEDULING that was cancelled and has no owner.
    """

    def __init__(self, context: JobContext, scheduler: Scheduler, recover: Callable[[Record], None]) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._recover = recover

    def cancel(self, record: Record) -> None:
        """Record the request, then stop the job. Idempotent; no-op for a job that has ended or is being removed.

        While the inputs are staged, their owner notices the request. Raises Unreachable if the engine does not answer:
        the request is recorded, and repeated in the background.
        """
        for _ in range(ATTEMPTS):  # its phase and its claim may change at any time
            if record.phase not in ACTIVE or (record.phase is Phase.SCHEDULED and self._has_ended(record)):
                return
            if request_cancellation(self._journal, record) and self._stop(record):
                return
            current = self._journal.get(record.jid, record.kind)
            if current is None or current.attempt != record.attempt:
                return
            record = current

    def _has_ended(self, record: Record) -> bool:
        """Return whether a job in SCHEDULED has ended by itself; its end is recorded then."""
        try:
            return self._scheduler.states.refresh(record)[0].status.final
        except Unreachable:
            request_cancellation(self._journal, record)
            raise

    def _stop(self, record: Record) -> bool:
        """Stop a job whose cancellation is recorded. Returns False if the record has changed since it was read."""
        if record.phase is Phase.SCHEDULED:
            self._scheduler.states.cancel(record)
        elif record.interrupted:
            self._recover(replace(record, cancel_request=record.attempt))
            return False  # unless it has ended now
        elif record.phase is Phase.SCHEDULING:
            return self._scheduler.fail(record, CANCELLED)
        return True

    def cancel_unrecorded(self, jid: JobId, kind: JobKind) -> None:
        """Cancel a job of this service whose record is lost. Raises Absent, Foreign, Unreachable."""
        name = kind.engine_name(jid)
        self._context.engine_of(kind).cancel(name, service_matcher(self._context, name))
