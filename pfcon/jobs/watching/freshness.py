"""How fresh the records are, and how often a request may ask the engine although they are."""

import time
from collections.abc import Mapping

from pfcon.models import JobKind
from pfcon.records.leader import NO_ROUND, Round
from pfcon.token_bucket import Spacing, TokenBucket

FRESH = 10.0  # seconds after a round of the leader in which the records answer requests
SPACING = 1.0  # seconds between two requests to the engine for one job
# Of all processes together. A client that polls few jobs gets the engine's own answer, which may be seconds newer.
CHECKS_PER_MINUTE, CHECKS_BURST = 3, 60
LOGS_BURST = 10
SAVED_LOG = 10.0  # seconds between two updates of the log in the record of a running job


class Freshness:
    """Knows for each kind of job when the leader has last compared the records with the engine.

    The count of its rounds is what is looked at, never a time of another host.
    """

    def __init__(self) -> None:
        self._seen: dict[JobKind, tuple[Round, float]] = {}  # and when it was first seen (monotonic seconds)

    def observe(self, rounds: Mapping[JobKind, Round]) -> None:
        """Take note of the latest rounds. The first one that is seen may be old: it does not count."""
        now = time.monotonic()
        for kind, found in rounds.items():
            seen = self._seen.get(kind)
            if seen is None:
                self._seen[kind] = (found, float("-inf"))
            elif seen[0].count != found.count:
                self._seen[kind] = (found, now)

    def is_fresh(self, kind: JobKind, claim: str) -> bool:
        """Whether the records of scheduled jobs of a kind are fresh, and that of a claim is no exception."""
        latest, at = self._seen.get(kind, (NO_ROUND, float("-inf")))
        return time.monotonic() - at < FRESH and claim not in latest.outdated


class ReadLimits:
    """Limits the requests to engines that answers to clients cause. processes: of this service."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._checks = TokenBucket(CHECKS_PER_MINUTE / processes, CHECKS_BURST / processes)
        self._spacing = Spacing(SPACING)
        self._logs: dict[str, TokenBucket] = {}  # by the name of the engine
        self._saved = Spacing(SAVED_LOG)

    def may_check(self, claim: str) -> bool:
        """Whether a request may ask the engine for the state and the log of a job."""
        return self._spacing.take(claim) and self._checks.take()

    def may_read_log(self, claim: str, engine: str, per_minute: float | None) -> bool:
        """Whether a request may read the log of a job. per_minute: see ComputeEngine.log_reads_per_minute."""
        if not self._spacing.take(f"log {claim}"):
            return False
        if per_minute is None:
            return True
        bucket = self._logs.setdefault(engine, TokenBucket(per_minute / self._processes, LOGS_BURST / self._processes))
        return bucket.take()

    def may_save_log(self, claim: str) -> bool:
        """Whether a log that was read may be written to the record."""
        return self._saved.take(claim)
