"""How long a job may be unable to start before it is ended, and how slow operations are waited for."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

_MAX_JOBS = 10_000
_POLLS = (0.1, 1.0)  # seconds, the first and the longest


class StuckTimer:
    """Measures for how long a job has been unable to start, and keeps the longest reason: kubelets shorten it later.

    Each process measures from the first time that it looked; Kubernetes reports no time for it. Thread-safe.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stuck: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def expired_reason(self, uid: str, reason: str) -> str:
        """The reason to end a job that has been stuck for too long, else empty. Empty ``reason``: it is not stuck."""
        with self._lock:
            if not reason:
                self._stuck.pop(uid, None)
                return ""
            since, known = self._stuck.setdefault(uid, (time.monotonic(), reason))
            telling = max(known, reason, key=len)
            self._stuck[uid] = (since, telling)
            while len(self._stuck) > _MAX_JOBS:
                self._stuck.popitem(last=False)
            return telling if time.monotonic() - since > self._seconds else ""


def polls(seconds: float) -> Iterator[bool]:
    """True after each of growing pauses, until the time is over."""
    until, pause = time.monotonic() + seconds, _POLLS[0]
    while time.monotonic() < until:
        time.sleep(pause)
        pause = min(_POLLS[1], pause * 1.5)
        yield True
