"""Ends of jobs that clients were told and that a full disk has kept from being recorded.

An engine may turn back. Kubernetes 1.36 reports a job whose image can't be fetched as failed, and a moment later, while
its pod ends, as one that is being prepared. What a client was told as the end of a job must stay, so the engine is not
asked again: the end is kept here, in this process's memory, until it can be recorded.
"""

import threading
from collections import OrderedDict

from pfcon.models import JobInfo
from pfcon.records import Record

MAX_JOBS = 10_000


class KeptEnds:
    """By job: its state as the engine has reported it, and its log. Thread-safe. At most MAX_JOBS, the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: OrderedDict[str, tuple[JobInfo, str]] = OrderedDict()

    def keep(self, record: Record, info: JobInfo, logs: str) -> None:
        """Keep the end of a job. The first one that was kept stays."""
        with self._lock:
            self._ends.setdefault(record.claim, (info, logs))
            while len(self._ends) > MAX_JOBS:
                self._ends.popitem(last=False)

    def get(self, record: Record) -> tuple[JobInfo, str] | None:
        """Return the end that was kept, and the log; None if none was."""
        with self._lock:
            return self._ends.get(record.claim)

    def discard(self, record: Record) -> None:
        """Forget the end of a job, which is recorded now."""
        with self._lock:
            self._ends.pop(record.claim, None)
