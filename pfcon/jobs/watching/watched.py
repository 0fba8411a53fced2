"""What the leader remembers of a job that it watches."""

import time
from dataclasses import dataclass

from pfcon.models import JobInfo, JobStatus
from pfcon.records.scheduled import ScheduledJob

RECHECK = 3600.0  # seconds after which a job is checked although its engine reports no change
RECHECK_UNKNOWN = 10.0  # seconds, for one whose state the engine does not know
RECHECK_UNLISTED = 2.0  # seconds, for one that is not listed and has not ended: it may be about to end
UNLISTED_SOON = 60.0  # seconds; after that it is checked less often
FIRST_RETRY, LAST_RETRY = 2.0, 30.0  # seconds between two checks that fail
REPEAT_STOP = 10.0  # seconds between two attempts to stop a job
LATE = 1.0  # seconds that a check may take until the record counts as outdated


@dataclass
class WatchedJob:
    """One job in SCHEDULED. All times are monotonic seconds.

    name: on its engine. text: see ``ComputeEngine.active_jobs``, of the last successful check; None before.
    outdated_since: since when its record may be outdated; None: it is not. check_at: when it is checked at the latest.
    checking: whether a check runs now. failures: successive checks that have failed. unlisted_since: since when the
    engine has not listed it, but not reported its end either. limit: its time limit in minutes, and stop_at: when that
    is over; None if the engine stops it itself. stopping: whether it is being stopped. stop_again_at: before that, no
    other attempt is made.
    """

    job: ScheduledJob
    name: str
    text: str | None = None
    outdated_since: float | None = None
    check_at: float = 0.0
    checking: bool = False
    failures: int = 0
    unlisted_since: float | None = None
    limit: int | None = None
    stop_at: float | None = None
    stopping: bool = False
    stop_again_at: float = 0.0

    def is_due(self, listed: str, now: float) -> bool:
        """Whether the job has to be checked. listed: its text now, ``""`` if it is not listed."""
        if self.checking or (self.failures and now < self.check_at):
            return False
        return self.text is None or listed != self.text or now >= self.check_at

    def is_outdated(self, now: float) -> bool:
        """Whether the record of the job may have been outdated for too long."""
        return self.outdated_since is not None and now - self.outdated_since > LATE

    def checked(self, text: str, info: JobInfo | None) -> None:
        """Note a successful check. info: None if the job is not in SCHEDULED any more."""
        now = time.monotonic()
        self.text, self.outdated_since, self.failures = text, None, 0
        self.check_at = now + RECHECK
        if info is None or text or info.status.final:
            self.unlisted_since = None
        else:
            self.unlisted_since = self.unlisted_since or now
            self.check_at = now + (RECHECK_UNLISTED if now - self.unlisted_since < UNLISTED_SOON else LAST_RETRY)
        if info is not None and info.status is JobStatus.UNDEFINED:
            self.check_at = now + RECHECK_UNKNOWN

    def failed(self) -> None:
        """Note a check that has failed."""
        self.failures += 1
        self.check_at = time.monotonic() + min(LAST_RETRY, FIRST_RETRY * 2 ** min(self.failures - 1, 10))

    def stop_was_tried(self) -> None:
        """Note the end of an attempt to stop the job, which is checked in the next round."""
        self.stopping, self.stop_again_at = False, time.monotonic() + REPEAT_STOP
        self.check_at = 0.0
