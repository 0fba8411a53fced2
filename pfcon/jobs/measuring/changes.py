"""Counts the changes of jobs. Each change is counted once, by the process that has recorded it."""

from datetime import datetime

from pfcon.metrics.instruments import BYTES_IN, BYTES_OUT, JOB_CHANGES, QUEUE, RUN, STAGING
from pfcon.models import JobStatus
from pfcon.records import Change

_FINAL = {status.value for status in JobStatus if status.final}


def count_change(change: Change) -> None:
    """Count a change; at a job's end, also how long its parts took, and how much data it had."""
    kind = change.kind.value
    JOB_CHANGES.labels(kind, change.status, change.reason).inc()
    if change.status not in _FINAL:
        return
    spans = (
        (STAGING, change.created_at, change.staged_at),
        (QUEUE, change.staged_at or change.created_at, change.started_at),
        (RUN, change.started_at, change.finished_at),
    )
    for histogram, begin, end in spans:
        if begin is not None and end is not None:
            histogram.labels(kind).observe(_seconds(begin, end))
    for sizes, size in ((BYTES_IN, change.bytes_in), (BYTES_OUT, change.bytes_out)):
        if size is not None:
            sizes.labels(kind).observe(size)


def _seconds(begin: datetime, end: datetime) -> float:
    """Return the seconds between two moments; 0 if the clocks of the engine and of the service differ by more."""
    return max(0.0, (end - begin).total_seconds())
