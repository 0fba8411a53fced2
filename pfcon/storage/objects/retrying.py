"""Retries with exponential back-off, until a transfer has had no success for a given time."""

import math
import random
import time
from collections.abc import Callable
from threading import Event, Lock
from typing import TypeVar

from pfcon.errors import Unreachable
from pfcon.reasons import Reason, explain
from pfcon.storage.objects.store import Transient
from pfcon.workers import Cancelled

TIME_LIMIT = 60.0  # seconds without any progress after which a transfer fails; the next attempt resumes it
REPORTED_AFTER = 3.0  # seconds after the first failure, until the message of the job says what it waits for
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds

T = TypeVar("T")


class Retrying:
    """The retries of one transfer, shared by its threads. A success in any of them restarts the time limit."""

    def __init__(self, time_limit: float = TIME_LIMIT, report: Callable[[str], None] = lambda _: None) -> None:
        """report: called with what is waited for, if that takes longer than REPORTED_AFTER."""
        self._time_limit = time_limit
        self._report = report
        self._stopped = Event()
        self._lock = Lock()
        self._last_success = time.monotonic()

    def call(self, what: str, request: Callable[[], T]) -> T:
        """Return the result of ``request``, called again after each Transient. ``what`` names it in messages.

        Raises Unreachable with the last reason once the time limit is over, Cancelled after ``stop``, and whatever else
        ``request`` raises, without a retry.
        """
        pause = FIRST_PAUSE
        failing_since = math.inf  # one slow request may take longer than the limit, and then fail for the first time
        while True:
            self.check()
            try:
                result = request()
            except Transient as fault:
                failing_since = min(failing_since, time.monotonic())
                failing = time.monotonic() - max(self._last_success, failing_since)
                cause = str(fault) if what in str(fault) else f"{what}: {fault}"
                if failing > self._time_limit:
                    raise _gave_up(f"{cause}; gave up after {self._time_limit:.0f} s without progress") from None
                if failing > REPORTED_AFTER:
                    self._report(f"waiting for the storage: {cause}")
                self._stopped.wait(max(pause * random.uniform(0.5, 1), min(fault.retry_after, LONGEST_PAUSE)))  # noqa: S311 - spreads load
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.progress()
                return result

    def progress(self) -> None:
        """Report a success: bytes were received, or a request was answered."""
        with self._lock:
            self._last_success = time.monotonic()

    def check(self) -> None:
        """Raises Cancelled after ``stop``."""
        if self._stopped.is_set():
            raise Cancelled

    def stop(self) -> None:
        """Make all threads' calls end with Cancelled; pauses end immediately. Idempotent."""
        self._stopped.set()


def _gave_up(cause: str) -> Unreachable:
    why = explain(Reason.STORE_UNREACHABLE, cause=cause)
    return Unreachable(why.message, reason=why.reason)
