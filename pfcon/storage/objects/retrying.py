"""Trying again what may pass: with back-off, and no longer than patience lasts without any success."""

import math
import random
import time
from collections.abc import Callable
from threading import Event, Lock
from typing import TypeVar

from pfcon.errors import Unreachable
from pfcon.storage.objects.store import Transient
from pfcon.workers import Cancelled

PATIENCE = 60.0  # seconds without any progress until a transfer gives up; the next try goes on from there
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds

T = TypeVar("T")


class Retrying:
    """The patience that the threads of one transfer share: each success of one renews it for all."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._stopped = Event()
        self._lock = Lock()
        self._last_success = time.monotonic()

    def call(self, what: str, request: Callable[[], T]) -> T:
        """Make a request, again where that may help. ``what`` names it in messages.

        Raises Unreachable with the last reason when patience is at its end, Cancelled after ``stop``, and at once
        what is not Transient.
        """
        pause = FIRST_PAUSE
        failing_since = math.inf  # a request may be slow for longer than patience lasts, and then fail once
        while True:
            self.check()
            try:
                result = request()
            except Transient as fault:
                failing_since = min(failing_since, time.monotonic())
                if time.monotonic() - max(self._last_success, failing_since) > self._patience:
                    raise Unreachable(
                        f"{what}: {fault}; gave up after {self._patience:.0f} s without progress"
                    ) from None
                self._stopped.wait(max(pause * random.uniform(0.5, 1), min(fault.retry_after, LONGEST_PAUSE)))  # noqa: S311 - spreads load
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.progress()
                return result

    def progress(self) -> None:
        """Something has gone well: bytes have come, or a request was answered."""
        with self._lock:
            self._last_success = time.monotonic()

    def check(self) -> None:
        """Raises Cancelled after ``stop``."""
        if self._stopped.is_set():
            raise Cancelled

    def stop(self) -> None:
        """End all threads' requests and pauses soon."""
        self._stopped.set()
