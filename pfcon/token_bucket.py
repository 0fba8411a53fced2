"""Limits how often something is done."""

import threading
import time
from collections import OrderedDict


class TokenBucket:
    """Limits a rate: ``per_minute`` on average, ``burst`` at the same time. Thread-safe."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self._rate, self._burst = per_minute / 60, max(1.0, burst)
        self._tokens, self._at = self._burst, time.monotonic()
        self._lock = threading.Lock()

    def take(self, count: int = 1) -> bool:
        """Return whether ``count`` things may be done now, together; more than the bucket holds delay later ones."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= count
            return True


class Spacing:
    """Lets something be done for each key once in ``seconds``. Remembers the ``most`` latest keys. Thread-safe."""

    def __init__(self, seconds: float, most: int = 10_000) -> None:
        self._seconds, self._most = seconds, most
        self._done: OrderedDict[str, float] = OrderedDict()  # monotonic seconds
        self._lock = threading.Lock()

    def take(self, key: str) -> bool:
        """Return whether it may be done now; then the next time is after ``seconds``."""
        with self._lock:
            now = time.monotonic()
            if now - self._done.get(key, float("-inf")) < self._seconds:
                return False
            self._done[key] = now
            self._done.move_to_end(key)
            while len(self._done) > self._most:
                self._done.popitem(last=False)
            return True
