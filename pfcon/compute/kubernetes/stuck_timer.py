"""A timer for jobs that can't start, which are ended after a while."""

import threading
import time
from collections import OrderedDict

_MAX_JOBS = 10_000


class StuckTimer:
    """Measures how long a job has been unable to start, and keeps the longest reason: kubelets shorten it later.

    Each process measures from its first check; Kubernetes does not report the time. Thread-safe.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stuck: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def expired_reason(self, uid: str, reason: str) -> str:
        """Return the reason to end a job that was stuck too long, else ``""``. Empty ``reason``: it is not stuck."""
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
