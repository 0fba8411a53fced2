"""Stopping jobs that a client has cancelled, again if the engine did not answer then, and jobs whose time is over."""

import logging
import threading
import time

from pfcon.background import BackgroundPool
from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.watched import WatchedJob
from pfcon.models import JobInfo
from pfcon.records import Phase, Record

log = logging.getLogger(__name__)

REPEAT = 10.0  # seconds between two attempts to stop a job
STOPS = BackgroundPool(4)  # in the background, because stopping a job may take a minute


class Stopper:
    """Stops watched jobs in the background."""

    def __init__(self, context: JobContext, states: JobStates) -> None:
        self._journal = context.journal
        self._states = states
        self._lock = threading.Lock()
        self._tried: dict[str, float] = {}  # claims: when the last attempt has begun; infinite while it runs

    def learn(self, watched: WatchedJob, record: Record, info: JobInfo) -> None:
        """Note from when on a job has to be stopped."""

    def stop_if_due(self, watched: WatchedJob) -> None:
        """Begin to stop a job if it was cancelled, or its time is over."""
        due = watched.job.cancelled
        if not due or not self._may_try(watched.job.claim):
            return

        def stop() -> None:
            try:
                self._stop(watched)
            finally:
                with self._lock:
                    self._tried[watched.job.claim] = time.monotonic()

        STOPS.add(f"stop {watched.job.jid}", stop)

    def _may_try(self, claim: str) -> bool:
        with self._lock:
            now = time.monotonic()
            if len(self._tried) > 10_000:
                self._tried = {key: at for key, at in self._tried.items() if now - at < REPEAT}
            if now - self._tried.get(claim, float("-inf")) < REPEAT:
                return False
            self._tried[claim] = float("inf")
            return True

    def _stop(self, watched: WatchedJob) -> None:
        job = watched.job
        record = self._journal.get(job.jid, job.kind)
        if record is None or record.claim != job.claim or record.phase is not Phase.SCHEDULED:
            return
        try:
            if record.to_cancel:
                self._states.cancel(record)
        except PfconError as error:
            log.warning("job %s (%s) can't be stopped now, trying again: %s", job.jid, job.kind, error)
