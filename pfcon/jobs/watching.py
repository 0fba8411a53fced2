"""Checking jobs that no client asks for: an engine keeps the result of an ended job for a limited time only."""

import logging

from pfcon.background import BackgroundPool
from pfcon.errors import DamagedJob, PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobKind
from pfcon.records import Phase, Record

log = logging.getLogger(__name__)
_CANCELLATIONS = BackgroundPool(1)

INTERVAL = 20.0  # seconds between two checks: at least one a minute, also while processes start and end


class Watcher:
    """Checks a share of the jobs; all live processes together check all jobs."""

    def __init__(self, context: JobContext, scheduler: Scheduler) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._cancelling: set[str] = set()  # claims of jobs

    def check_jobs(self) -> None:
        """Check every job of this process's share. Raises Unreachable if the records can't be read."""
        unreachable: set[JobKind] = set()
        for jid, kind in self._journal.scheduled():
            record = self._journal.get(jid, kind)
            if record is None or record.phase is not Phase.SCHEDULED or kind in unreachable:
                continue
            try:
                self._scheduler.watch(record)
                self._cancel_later(record)
            except PfconError as error:
                log.warning("job %s (%s): it can't be checked now: %s", jid, kind, error)
                if not isinstance(error, DamagedJob):
                    unreachable.add(kind)  # an engine that does not answer is not asked for each job
            except Exception:  # one job must not block the others
                log.exception("job %s (%s): the check failed", jid, kind)

    def _cancel_later(self, record: Record) -> None:
        """Ask the engine again to cancel a job that a client has cancelled: it may not have answered then.

        In the background, one job at a time, because a cancellation may take a minute.
        """
        current = self._journal.get(record.jid, record.kind)
        if current is None or not current.to_cancel or current.claim in self._cancelling:
            return

        def cancel() -> None:
            try:
                self._scheduler.cancel(current)
            finally:
                self._cancelling.discard(current.claim)

        self._cancelling.add(current.claim)
        _CANCELLATIONS.add(f"cancel {current.jid}", cancel)
