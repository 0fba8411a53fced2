"""Asking the engine for one watched job, and recording its state."""

import logging
from collections.abc import Callable, Mapping

from pfcon.background import BackgroundPool
from pfcon.errors import PfconError
from pfcon.jobs.about import of_job, of_record
from pfcon.jobs.context import JobContext
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.stopping import Stopper
from pfcon.jobs.watching.watched import WatchedJob
from pfcon.records import Phase
from pfcon.service_log import working_on
from pfcon.token_bucket import TokenBucket

log = logging.getLogger(__name__)

AT_ONCE = 8  # checks of jobs that may have ended; half as many others
WARNINGS_PER_MINUTE, WARNINGS_BURST = 4, 20  # of jobs of one engine that can't be checked


class Checker:
    """Checks the jobs of one engine. Thread-safe.

    Jobs that may have ended wait neither for those that a new leader checks for the first time, nor for those that the
    engine does not answer for: each of these three has threads of its own.
    """

    def __init__(self, context: JobContext, states: JobStates, stopper: Stopper) -> None:
        self._journal = context.journal
        self._states = states
        self._stopper = stopper
        self._ends = BackgroundPool(AT_ONCE)
        self._firsts = BackgroundPool(AT_ONCE // 2)
        self._failing = BackgroundPool(AT_ONCE // 2)
        self._warnings = TokenBucket(WARNINGS_PER_MINUTE, WARNINGS_BURST)

    def begin(self, watched: WatchedJob, texts: Mapping[str, str], is_watched: Callable[[WatchedJob], bool]) -> None:
        """Check a job in the background, unless it is not watched any more when its turn comes. texts: as listed."""
        watched.checking = True

        def check() -> None:
            try:
                if is_watched(watched):
                    self.check(watched, texts)
            finally:
                watched.checking = False

        try:
            self._pool(watched, texts).add(f"check {watched.job.jid}", check)
        except RuntimeError:  # no thread can be started now
            watched.checking = False
            watched.failed()

    def _pool(self, watched: WatchedJob, texts: Mapping[str, str]) -> BackgroundPool:
        if watched.failures:
            return self._failing
        return self._firsts if watched.text is None and watched.name in texts else self._ends

    def check(self, watched: WatchedJob, texts: Mapping[str, str]) -> PfconError | None:
        """Ask the engine for the state of a job, and record it. Returns the error of the engine or the records."""
        job = watched.job
        try:
            record = self._journal.get(job.jid, job.kind)
            if record is None or record.phase is not Phase.SCHEDULED or record.claim != job.claim:
                watched.checked("", None)
                return None
            watched.name = record.name
            text = texts.get(record.name, "")  # older than what the engine is asked now: a later change is noticed
            with working_on(of_record(record)):
                info = self._states.watch(record)
                self._stopper.note_deadline(watched, record, info)
            watched.checked(text, info)
        except PfconError as error:
            self._warn(watched, error)
            watched.failed()
            return error
        except Exception:  # one job must not block the others
            if self._warnings.take():
                log.exception("job %s (%s): the check failed, trying again", job.jid, job.kind, extra=of_job(job))
            watched.failed()
        return None

    def _warn(self, watched: WatchedJob, error: PfconError) -> None:
        if not watched.failures and self._warnings.take():
            log.warning(
                "job %s (%s): it can't be checked now, trying again: %s",
                watched.job.jid,
                watched.job.kind,
                error,
                extra=of_job(watched.job),
            )
