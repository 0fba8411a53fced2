"""Limits how often something is done."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """A token bucket, full at first. Not thread-safe. now: monotonic seconds of the caller's clock."""

    rate: float  # tokens per second
    most: float
    seen: float  # seconds at the last update
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.most

    def has_token(self, now: float) -> bool:
        """Return whether something may be done now."""
        self.left = min(self.most, self.left + (now - self.seen) * self.rate)
        self.seen = now
        return self.left >= 1

    def take(self, count: int = 1) -> None:
        """Take tokens, also more than are left: they are missing later."""
        self.left -= count

    def refund(self) -> None:
        """Put a token back."""
        self.left = min(self.most, self.left + 1)


class TokenBucket:
    """Limits a rate: ``per_minute`` on average, ``burst`` at the same time. Thread-safe."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self._bucket = Bucket(per_minute / 60, max(1.0, burst), time.monotonic())
        self._lock = threading.Lock()

    def take(self, count: int = 1) -> bool:
        """Return whether ``count`` things may be done now, together; more than the bucket holds delay later ones."""
        with self._lock:
            if not self._bucket.has_token(time.monotonic()):
                return False
            self._bucket.take(count)
            return True

    def charge(self, count: int) -> None:
        """Take tokens for what was done without asking, also more than are left: later ones are delayed."""
        with self._lock:
            self._bucket.take(count)


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
