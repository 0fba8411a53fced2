"""Stopping jobs that a client has cancelled, again if the engine did not answer then, and jobs whose time is over."""

import logging
import time
from datetime import UTC, datetime

from pfcon.background import BackgroundPool
from pfcon.compute.exits import at_time_limit
from pfcon.errors import PfconError
from pfcon.jobs.about import of_job
from pfcon.jobs.context import JobContext
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.watched import WatchedJob
from pfcon.models import JobInfo, JobStatus
from pfcon.records import Phase, Record
from pfcon.service_log import working_on
from pfcon.units import MINUTE

log = logging.getLogger(__name__)

AT_ONCE = 32  # jobs of one engine that are being stopped: each may take a minute, most of it waiting


class Stopper:
    """Stops watched jobs in the background. minute: the length of a minute of time limits, in seconds."""

    def __init__(self, context: JobContext, states: JobStates, *, minute: float = MINUTE) -> None:
        self._context = context
        self._journal = context.journal
        self._states = states
        self._minute = minute
        self._stops = BackgroundPool(AT_ONCE)

    def note_deadline(self, watched: WatchedJob, record: Record, info: JobInfo) -> None:
        """Note when a job has to be stopped, if its engine does not do that: its limit is on the engine's job, too.

        The time is noted once, so that a clock that jumps later does not shorten it. The engine's clock may be wrong: a
        job has not run for longer than pfcon knows it.
        """
        minutes = info.time_limit or (record.spec.resources.time_limit if record.spec else None)
        if watched.stop_at is not None or minutes is None or info.status is not JobStatus.STARTED:
            return
        if self._context.engine_of(record.kind).own_time_limit:
            return
        started = info.details.started_at
        elapsed = (datetime.now(UTC) - started).total_seconds() if started else 0.0
        elapsed = max(0.0, min(elapsed, time.time() - record.changed_at))
        watched.limit, watched.stop_at = minutes, time.monotonic() + minutes * self._minute - elapsed

    def stop_if_due(self, watched: WatchedJob) -> None:
        """Begin to stop a job if it was cancelled, or its time is over."""
        now = time.monotonic()
        over = watched.stop_at is not None and now >= watched.stop_at
        if not (over or watched.job.cancelled) or watched.stopping or now < watched.stop_again_at:
            return
        watched.stopping = True

        def stop() -> None:
            try:
                self._stop(watched, over=over)
            finally:
                watched.stop_was_tried()

        try:
            with working_on(of_job(watched.job)):
                self._stops.add(f"stop {watched.job.jid}", stop)
        except RuntimeError:  # no thread can be started now
            watched.stop_was_tried()

    def _stop(self, watched: WatchedJob, *, over: bool) -> None:
        job = watched.job
        record = self._journal.get(job.jid, job.kind)
        if record is None or record.claim != job.claim or record.phase is not Phase.SCHEDULED:
            return
        try:
            if record.to_cancel:
                self._states.cancel(record)
            elif over and watched.limit is not None:
                why = at_time_limit(watched.limit)
                log.info("job %s (%s) is %s", job.jid, job.kind, why.message, extra=of_job(job))
                self._states.cancel(record, why)
        except PfconError as error:
            log.warning(
                "job %s (%s) can't be stopped now, trying again: %s",
                job.jid,
                job.kind,
                error,
                extra=of_job(job),
            )
