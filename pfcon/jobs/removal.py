"""Removing a job from its engine, deleting its data and its record; rolling back submissions that failed."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pfcon.compute.base import Mine
from pfcon.errors import Absent, Conflict, Foreign, PfconError, StorageFull
from pfcon.jobs.about import of_name, of_record
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import (
    end_on_former_engine,
    foreign_job_error,
    job_matcher,
    service_matcher,
    was_of_this_service,
)
from pfcon.jobs.pending_writes import PendingWrites
from pfcon.jobs.rollbacks import Rollbacks
from pfcon.jobs.trash import delete_data
from pfcon.models import JobId, JobKind
from pfcon.reasons import Reason
from pfcon.records import Claimed, Phase, Record, request_id
from pfcon.records.cancellations import end_cancelled
from pfcon.records.record import ROLLED_BACK
from pfcon.records.removals import MESSAGE
from pfcon.units import human_age

log = logging.getLogger(__name__)

ENDED = (Phase.FINAL, Phase.REMOVING, Phase.REMOVED)


class Remover:
    """Moves records to REMOVING and REMOVED. Each step is idempotent.

    with_data: whether the job's directory is deleted, too. In the staged interface, delete jobs do that.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._journal = context.journal
        self.rollbacks = Rollbacks(context)
        self.pending_writes = PendingWrites()

    def remove(self, record: Record, *, with_data: bool) -> bool:
        """Remove a job. Returns False, and does nothing, if the record has changed since it was read.

        Raises Unreachable if the engine does not answer: then the removal is completed in the background later. On a
        full disk the job is removed all the same, which frees space, and that is recorded later.
        """
        with self._journal.live.on(record.claim):  # after the context, recovery completes the rest
            try:
                if record.phase is not Phase.REMOVING and not self._journal.move(
                    record, Phase.REMOVING, message=MESSAGE, with_data=with_data, cancel_request=None
                ):
                    return False
            except StorageFull as error:
                log.warning(
                    "job %s: removing it before that is recorded: %s", record.jid, error, extra=of_record(record)
                )
            self._remove_job(record, with_data)
            self.pending_writes.write(record.claim, lambda: self._removed(record))
            return True

    def finish(self, record: Record) -> None:
        """Complete the removal of a job in REMOVING, and log it: the process that began it could not."""
        self._remove_job(record, record.with_data)
        if record.ends_cancelled:
            self._keep_cancelled(record)
            return
        self._removed(record)
        log_removed(record, record.finished_at.timestamp() if record.finished_at else None)

    def _keep_cancelled(self, record: Record) -> None:
        """Record the end of a cancelled job whose submission was rolled back."""
        end_cancelled(self._journal, record)
        self._journal.release(request_id(record.request, record.attempt))

    def _removed(self, record: Record) -> None:
        if record.is_placeholder:
            self._journal.delete(record)
            return
        stopped = self._context.options.remove_jobs  # else it was only cancelled, and may still run for a while
        self._journal.move(record, Phase.REMOVED, ended=stopped, spec="", logs="", message="removed")

    def _remove_job(self, record: Record, with_data: bool) -> None:
        self._remove_or_cancel(record.kind, record.name, service_matcher(self._context, record.name, record))
        end_on_former_engine(self._context, record)
        self._context.log_store.delete(record.name)
        if with_data:
            delete_data(self._context.storebase.job(record.jid))
        if record.spec and record.finished_at is None:  # its end was not recorded
            self._context.kinds[record.kind].after_removal(self._context, record.jid, record.spec)
        self._context.environments.delete(record.spec)

    def remove_unrecorded(self, jid: JobId, kind: JobKind, *, with_data: bool) -> None:
        """Remove a job that has no record of that kind. Raises Absent if the engine does not know it either.

        If the engine has another service's job of that name: raises Foreign, and deletes nothing, if this service has
        no record of the jid; else Absent, because the jid was this service's own, and clients repeat a DELETE until
        the job is absent.
        """
        name = kind.engine_name(jid)
        mine = service_matcher(self._context, name)
        try:
            self._context.engine_of(kind).info(name, mine)
        except Absent as found:
            if isinstance(found, Foreign) and not was_of_this_service(self._context, jid, kind, *JobKind):
                raise foreign_job_error(self._context, name, found) from None
            if with_data:
                delete_data(self._context.storebase.job(jid))
            raise Absent(f"there is no job {jid}") from None
        self._remove_or_cancel(kind, name, mine)
        self._context.log_store.delete(name)
        if with_data:
            delete_data(self._context.storebase.job(jid))

    @contextmanager
    def rolling_back(self, record: Record, *, with_data: bool) -> Iterator[None]:
        """A context for a submission: after an error, the job is removed and its data are deleted, now or later.

        Raises Conflict instead of an error whose cause is that another request has ended the job.
        """
        try:
            yield
        except BaseException as error:  # also when the worker is asked to exit: a half-staged job must not be left
            ended = self._roll_back(record, with_data=with_data)
            if ended and isinstance(error, PfconError | OSError) and not isinstance(error, Conflict):
                raise Conflict(f"job {record.jid} was deleted or cancelled by another request") from error
            raise

    def _roll_back(self, record: Record, *, with_data: bool) -> bool:
        """Remove what a failed submission has made. Returns whether another request had ended the job before."""
        ended = moved = kept = False
        try:
            current = self._journal.get(record.jid, record.kind)
            ended = current is None or current.to_cancel or current.phase in ENDED
            cancelled = current is not None and current.to_cancel
            kept = current is not None and current.phase is Phase.FINAL and current.reason == Reason.CANCELLED
            mark = ROLLED_BACK if cancelled else None
            if not kept:
                moved = self._journal.move(record, Phase.REMOVING, with_data=with_data, cancel_request=mark)
            if moved:
                if with_data:
                    delete_data(self._context.storebase.job(record.jid))  # before the engine, which may not answer
                self.remove_from_engine(record)
                self._context.environments.delete_of(record.jid, record.claim)
                if cancelled:
                    self._keep_cancelled(record)
                else:
                    self._journal.delete(record)
        except (PfconError, OSError) as error:
            log.warning(
                "job %s: what is left of it will be removed later: %s", record.jid, error, extra=of_record(record)
            )
        if not moved:
            try:
                self.rollbacks.roll_back(record, with_data=with_data and not kept)
            except (PfconError, OSError) as error:
                log.warning("job %s: it will be rolled back later: %s", record.jid, error, extra=of_record(record))
        return ended

    def remove_from_engine(self, record: Record) -> None:
        """Remove the record's job from its engine, and no other job of its name. Idempotent. Raises Unreachable."""
        self._context.engine_of(record.kind).remove(record.name, job_matcher(self._context, record))

    def release_refused(self, record: Record, request: str) -> None:
        """Release the places of an attempt that the engine has refused, so that nothing of it can run any more.

        An earlier owner may have had the job started: it is removed first. If the engine does not answer, the places
        are only settled. request: a ``request_id``, maybe signed. Raises Unreachable if the records do not answer.
        """
        try:
            self.remove_from_engine(record)
        except PfconError as error:
            log.warning("job %s: its directories are released later: %s", record.jid, error, extra=of_record(record))
            self._journal.settle(request)
        else:
            self._journal.release(request)

    def remove_earlier(self, claimed: Claimed) -> None:
        """Remove earlier jobs of that kind and jid from the engine, but no job of another service.

        Raises Unreachable.
        """
        names = {claimed.record.name}
        if claimed.previous is not None:
            names.add(claimed.previous.name)  # an earlier release may have used another name
        for name in names:
            mine = service_matcher(self._context, name, claimed.previous)
            self._context.engine_of(claimed.record.kind).remove(name, mine)
            self._context.log_store.delete(name)

    def require_not_foreign(self, claimed: Claimed) -> None:
        """Raise Conflict if another service has a job of that name; Unreachable. Changes nothing."""
        name = claimed.record.name
        try:
            self._context.engine_of(claimed.record.kind).info(
                name, service_matcher(self._context, name, claimed.previous)
            )
        except Foreign as foreign:
            raise Conflict(str(foreign_job_error(self._context, name, foreign))) from None
        except Absent:
            return

    def delete_record(self, record: Record) -> None:
        """Delete the record of a job that has ended. The next claim removes the job from its engine.

        A job of an earlier release, which only its record identifies, is removed from it now. Raises Unreachable.
        """
        if record.spec is not None and not self._context.signer.has_signed(record.name, record.spec.request):
            self.remove_from_engine(record)
        self._journal.delete(record)

    def release(self, record: Record) -> None:
        """Release a claim under which nothing was done."""
        try:
            self._journal.delete(record)
        except PfconError as error:
            log.warning("job %s: its claim will be released later: %s", record.jid, error, extra=of_record(record))

    def _remove_or_cancel(self, kind: JobKind, name: str, mine: Mine) -> None:
        if self._context.options.remove_jobs:
            self._context.engine_of(kind).remove(name, mine)
            return
        try:
            self._context.engine_of(kind).cancel(name, mine)  # the engine keeps the job, although its data are deleted
        except Absent:
            log.debug("job %s: nothing to cancel", name, extra=of_name(name))


def log_removed(record: Record, end: float | None) -> None:
    """Log a removal that no client asked this process for. end: of the job, in seconds since the epoch."""
    ended = "" if end is None else f": it ended {human_age(time.time() - end)} ago"
    what = "what was left, without a record, of the" if record.is_placeholder else "the"
    log.info("removed %s %s job of %s%s", what, record.kind.value, record.jid, ended, extra=of_record(record))
