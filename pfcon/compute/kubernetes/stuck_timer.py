"""How long a job may be unable to start before it is ended."""

import threading
import time
from collections import OrderedDict

_MAX_JOBS = 10_000


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
