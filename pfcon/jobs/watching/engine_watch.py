"""Compares the records of jobs with one engine, and records what has changed there."""

import logging
import time
from collections.abc import Mapping

from pfcon.background import BackgroundPool
from pfcon.errors import DamagedJob, PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.outage import Outage
from pfcon.jobs.watching.stopping import Stopper
from pfcon.jobs.watching.watched import WatchedJob
from pfcon.models import JobKind
from pfcon.records import Phase
from pfcon.records.leader import Leadership
from pfcon.records.scheduled import ScheduledJob, scheduled_jobs

log = logging.getLogger(__name__)

ROUND, LONGEST_ROUND = 2.0, 4.0  # seconds between the beginnings of two rounds
EASE = 4  # a round takes at most this part of the time: a slow engine is asked less often
EACH = 20.0  # seconds between two rounds if the engine can't list its jobs, so that each is asked for
CHECKS = 8  # that run at the same time


class EngineWatch:
    """Watches the jobs of some kinds, which run on the same engine. One thread calls ``run`` or ``compare``.

    name: for the log.
    """

    def __init__(
        self, kinds: tuple[JobKind, ...], context: JobContext, states: JobStates, leadership: Leadership
    ) -> None:
        self.kinds = kinds
        self.name = " ".join(kind.value for kind in kinds)
        self._engine = context.engine_of(kinds[0])
        self._journal = context.journal
        self._states = states
        self._leadership = leadership
        self._stopper = Stopper(context, states)
        self._checks = BackgroundPool(CHECKS)
        self._outage = Outage(f"the {self._engine.name} engine")
        self._jobs: dict[str, WatchedJob] = {}  # by claim
        self._next = 0.0  # monotonic seconds

    def run(self) -> None:
        """Do a round if this process is the leader, and if it is time. To be called every second."""
        if not self._leadership.leads:
            self._jobs = {}
            return
        begun = time.monotonic()
        if begun < self._next or self._outage.waits:
            return
        try:
            listed = self.compare()
        except PfconError as error:  # the records do not answer, which ``Watch.lead`` says once
            log.debug("no round: %s", error)
            self._next = begun + ROUND
            return
        took = time.monotonic() - begun
        self._next = begun + (min(LONGEST_ROUND, max(ROUND, EASE * took)) if listed else max(EACH, EASE * took))

    def compare(self) -> bool:
        """Do one round: begin a check of each job that may have changed. Returns False if the engine can't list jobs.

        Raises Unreachable if the records do not answer.
        """
        self._follow(scheduled_jobs(self._journal.database, self.kinds))
        if not self._jobs:
            return True
        try:
            texts = self._engine.active_jobs()
        except PfconError as error:
            self._outage.failed(error)
            return True
        if texts is None:
            self._ask_each()
            return False
        self._outage.succeeded()
        now = time.monotonic()
        for watched in list(self._jobs.values()):
            if not watched.checking and watched.is_due(texts.get(watched.name, ""), now):
                self._begin_check(watched, texts)
            self._stopper.stop_if_due(watched)
        if not any(watched.is_late(now) for watched in self._jobs.values()):
            self._leadership.complete(self.kinds)
        return True

    def _follow(self, scheduled: list[ScheduledJob]) -> None:
        """Remember exactly these jobs. What was scheduled before this process was the leader counts as outdated."""
        first = not self._jobs
        known, self._jobs = self._jobs, {}
        for job in scheduled:
            found = known.get(job.claim)
            if found is None:
                found = WatchedJob(job, outdated_since=float("-inf") if first else time.monotonic())
            found.job = job
            self._jobs[job.claim] = found

    def _begin_check(self, watched: WatchedJob, texts: Mapping[str, str]) -> None:
        watched.outdated_since = watched.outdated_since or time.monotonic()
        watched.checking = True

        def check() -> None:
            try:
                self._check(watched, texts)
            finally:
                watched.checking = False

        try:
            self._checks.add(f"check {watched.job.jid}", check)
        except RuntimeError:  # no thread can be started now
            watched.checking = False
            watched.failed()

    def _ask_each(self) -> None:
        """Check all jobs, one after the other, until the engine does not answer."""
        for watched in list(self._jobs.values()):
            error = self._check(watched, {})
            self._stopper.stop_if_due(watched)
            if error is not None and not isinstance(error, DamagedJob):
                self._outage.failed(error)
                return
        self._outage.succeeded()

    def _check(self, watched: WatchedJob, texts: Mapping[str, str]) -> PfconError | None:
        """Ask the engine for the state of a job, and record it. Returns the error, which is logged once."""
        jid, kind = watched.job.jid, watched.job.kind
        try:
            record = self._journal.get(jid, kind)
            if record is None or record.phase is not Phase.SCHEDULED or record.claim != watched.job.claim:
                watched.checked("", None)
                return None
            watched.name = record.name
            text = texts.get(record.name, "")  # older than what the engine is asked now: a later change is noticed
            info = self._states.watch(record)
            self._stopper.learn(watched, record, info)
            watched.checked(text, info)
        except PfconError as error:
            if not watched.said:
                log.warning("job %s (%s): it can't be checked now, trying again: %s", jid, kind, error)
            watched.said = True
            watched.failed()
            return error
        except Exception:  # one job must not block the others
            if not watched.said:
                log.exception("job %s (%s): the check failed, trying again", jid, kind)
            watched.said = True
            watched.failed()
        return None
