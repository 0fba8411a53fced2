"""What the leader remembers of a job that it watches."""

import time
from dataclasses import dataclass

from pfcon.models import JobInfo, JobStatus
from pfcon.records.scheduled import ScheduledJob

RECHECK = 3600.0  # seconds after which a job is checked although its engine reports no change
RECHECK_UNKNOWN = 10.0  # seconds, for one whose state the engine does not know
FIRST_RETRY, LAST_RETRY = 2.0, 30.0  # seconds, after a check that has failed, and for a job that is not listed
LATE = 5.0  # seconds that a check may take until the records count as outdated


@dataclass
class WatchedJob:
    """One job in SCHEDULED. All times are monotonic seconds.

    name: on its engine; empty before the first check. text: see ``ComputeEngine.active_jobs``, of the last successful
    check; None before. outdated_since: since when its record may be outdated; None: it is not. check_at: when it is
    checked at the latest. checking: whether a check runs now. failures: successive checks that have failed, or found a
    job that its engine does not list, but does not report as ended. limit: its time limit in minutes, and stop_at: when
    that is over; None if the engine stops it itself. said: whether a failure was logged.
    """

    job: ScheduledJob
    name: str = ""
    text: str | None = None
    outdated_since: float | None = None
    check_at: float = 0.0
    checking: bool = False
    failures: int = 0
    limit: int | None = None
    stop_at: float | None = None
    said: bool = False

    def is_due(self, listed: str, now: float) -> bool:
        """Whether the job has to be checked. listed: its text now, ``""`` if it is not listed."""
        if self.failures and now < self.check_at:
            return False
        return self.text is None or listed != self.text or now >= self.check_at

    def is_late(self, now: float) -> bool:
        """Whether the record of the job may have been outdated for too long."""
        return self.outdated_since is not None and now - self.outdated_since > LATE

    def checked(self, text: str, info: JobInfo | None) -> None:
        """Note a successful check. info: None if the job is not in SCHEDULED any more."""
        now = time.monotonic()
        self.text, self.outdated_since = text, None
        unlisted = info is not None and not text and not info.status.final
        if unlisted:
            self._retry_later(now)
            return
        self.failures, self.said = 0, False
        unknown = info is not None and info.status is JobStatus.UNDEFINED
        self.check_at = now + (RECHECK_UNKNOWN if unknown else RECHECK)

    def failed(self) -> None:
        """Note a check that has failed."""
        self._retry_later(time.monotonic())

    def _retry_later(self, now: float) -> None:
        self.failures += 1
        self.check_at = now + min(LAST_RETRY, FIRST_RETRY * 2 ** min(self.failures - 1, 10))
