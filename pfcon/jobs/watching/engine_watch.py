"""Compares the records of jobs with one engine, and has those checked that may have changed there."""

import logging
import time

from pfcon.errors import DamagedJob, PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.checking import Checker
from pfcon.jobs.watching.outage import Outage
from pfcon.jobs.watching.stopping import Stopper
from pfcon.jobs.watching.watched import WatchedJob
from pfcon.models import JobKind
from pfcon.records.leader import Leadership
from pfcon.records.scheduled import ScheduledJob, scheduled_jobs

log = logging.getLogger(__name__)

ROUND, LONGEST_ROUND = 2.0, 3.0  # seconds between the beginnings of two rounds: the longest keeps the records fresh
LOAD_FACTOR = 2  # a slow engine is asked at most half of the time, until LONGEST_ROUND is reached
ROUND_OF_EACH = 20.0  # seconds between two rounds if the engine can't list its jobs, so that each is asked for
HUNG = 120.0  # seconds without progress; far more than a call to an engine may take
MAX_OUTDATED = 50  # claims that are named in the records; with more, a round does not count


class EngineWatch:
    """Watches the jobs of some kinds, which run on the same engine. One thread calls ``tick`` or ``run_round``.

    name: for the log.
    """

    def __init__(
        self, kinds: tuple[JobKind, ...], context: JobContext, states: JobStates, leadership: Leadership
    ) -> None:
        self.kinds = kinds
        self.name = " ".join(kind.value for kind in kinds)
        self._engine = context.engine_of(kinds[0])
        self._journal = context.journal
        self._leadership = leadership
        self._stopper = Stopper(context, states)
        self._checker = Checker(context, states, self._stopper)
        self._outage = Outage(f"the {self._engine.name} engine")
        self._jobs: dict[str, WatchedJob] = {}  # by claim
        self._is_new = True  # whether this process has done no round since it is the leader
        self._next = 0.0  # monotonic seconds
        self._busy_since: float | None = None  # monotonic seconds: the last sign of life of the present round

    @property
    def hangs(self) -> bool:
        """Whether the present round makes no progress, as when an engine's client waits for ever."""
        return self._busy_since is not None and time.monotonic() - self._busy_since > HUNG

    def tick(self) -> None:
        """Do a round if this process is the leader, and if it is time. To be called every second."""
        self._busy_since = time.monotonic()
        try:
            self._tick()
        finally:
            self._busy_since = None

    def _tick(self) -> None:
        if not self._leadership.leads:
            self._jobs, self._is_new = {}, True
            return
        begun = time.monotonic()
        if begun < self._next or self._outage.is_backing_off:
            return
        try:
            listed = self.run_round()
        except PfconError as error:  # the records do not answer, which ``Watch.lead`` says once
            log.debug("no round: %s", error)
            self._next = begun + ROUND
            return
        took = LOAD_FACTOR * (time.monotonic() - begun)
        self._next = begun + (min(LONGEST_ROUND, max(ROUND, took)) if listed else max(ROUND_OF_EACH, took))

    def run_round(self) -> bool:
        """Begin a check of each job that may have changed. Returns False if the engine can't list its jobs.

        Raises Unreachable if the records do not answer.
        """
        self._follow(scheduled_jobs(self._journal.database, self.kinds))
        if not self._jobs:
            return True
        try:
            texts = self._engine.active_jobs()
        except Exception as error:  # also an answer that its engine can't read
            if not isinstance(error, PfconError) and not self._outage.lasts:
                log.exception("the jobs of the %s engine can't be listed", self._engine.name)
            self._outage.failed(error)
            return True
        if texts is None:
            self._check_each()
            return False
        self._outage.succeeded()
        now = time.monotonic()
        for watched in list(self._jobs.values()):
            if watched.is_due(texts.get(watched.name, ""), now):
                watched.outdated_since = watched.outdated_since or now
                self._checker.begin(watched, texts, self._is_watched)
            self._stopper.stop_if_due(watched)
        self._complete(now)
        return True

    def _complete(self, now: float) -> None:
        outdated = [claim for claim, watched in self._jobs.items() if watched.is_outdated(now)]
        if len(outdated) <= MAX_OUTDATED:
            self._leadership.complete(self.kinds, outdated)

    def _is_watched(self, watched: WatchedJob) -> bool:
        return self._jobs.get(watched.job.claim) is watched

    def _follow(self, scheduled: list[ScheduledJob]) -> None:
        """Remember exactly these jobs. Records from before this process was the leader count as outdated."""
        known, jobs = self._jobs, {}
        for job in scheduled:
            found = known.get(job.claim)
            if found is None:
                name = job.kind.engine_name(job.jid)  # the first check corrects it
                found = WatchedJob(job, name, outdated_since=float("-inf") if self._is_new else time.monotonic())
            found.job = job
            jobs[job.claim] = found
        self._jobs, self._is_new = jobs, False

    def _check_each(self) -> None:
        """Check all jobs, one after the other, until the engine does not answer."""
        for watched in list(self._jobs.values()):
            if self._busy_since is not None:
                self._busy_since = time.monotonic()
            error = self._checker.check(watched, {})
            self._stopper.stop_if_due(watched)
            if error is not None and not isinstance(error, DamagedJob):
                self._outage.failed(error)
                return
        self._outage.succeeded()
