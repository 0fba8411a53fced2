"""A timer for jobs that can't start, which are ended after a while."""

import threading
import time
from collections import OrderedDict

from pfcon.compute.registries import TEMPORARY
from pfcon.reasons import SUCCESS, Reason, Why

_MAX_JOBS = 10_000
_CAN_PASS = frozenset({*TEMPORARY, Reason.IMAGE_FAILED, Reason.ENGINE_FAULT, Reason.ENGINE_SETUP})


class StuckTimer:
    """Measures how long a job has been unable to start, and keeps its best reason: kubelets replace it by a back-off.

    Each process measures from its first check; Kubernetes does not report the time. Thread-safe.
    """

    def __init__(self, seconds: float, hopeless: float) -> None:
        """seconds: until a job is ended. hopeless: until one is ended whose reason can't pass by itself."""
        self._seconds = seconds
        self._hopeless = min(seconds, hopeless)
        self._stuck: OrderedDict[str, tuple[float, Why]] = OrderedDict()
        self._lock = threading.Lock()

    def expired(self, uid: str, why: Why) -> Why:
        """Return the reason to end a job that was stuck too long, else empty. Empty ``why``: it is not stuck."""
        with self._lock:
            if not why:
                self._stuck.pop(uid, None)
                return SUCCESS
            since, known = self._stuck.setdefault(uid, (time.monotonic(), why))
            best = known if why.reason is Reason.IMAGE_FAILED and not why.detail else why
            if best.reason not in _CAN_PASS and known.reason in _CAN_PASS:
                since = time.monotonic()  # it could pass until now
            self._stuck[uid] = (since, best)
            while len(self._stuck) > _MAX_JOBS:
                self._stuck.popitem(last=False)
            patience = self._seconds if best.reason in _CAN_PASS else self._hopeless
            return best if time.monotonic() - since > patience else SUCCESS

    def improve(self, uid: str, why: Why) -> None:
        """Set the reason of a job that can't start to one that was found elsewhere."""
        with self._lock:
            if uid in self._stuck:
                self._stuck[uid] = (self._stuck[uid][0], why)

    def best(self, uid: str, why: Why) -> Why:
        """Return the best reason that is known why a job can't start now. why: the present one."""
        with self._lock:
            known = self._stuck.get(uid, (0.0, why))[1]
        return known if why.reason is Reason.IMAGE_FAILED else why
