"""How long a job may be unable to start before it is ended."""

import threading
import time
from collections import OrderedDict

_MAX_JOBS = 10_000


class Patience:
    """Remembers since when a job has been stuck, and the most telling reason: kubelets shorten it while they wait.

    Each process counts for itself, from the first time it looked; Kubernetes gives no time for it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stuck: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def lost_with(self, uid: str, reason: str) -> str:
        """Why a job is to be ended; empty while there is patience with it. An empty reason: it is not stuck."""
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
