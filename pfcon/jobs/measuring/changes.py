"""Counts the changes of jobs. Each change is counted once, by the process that has recorded it."""

from datetime import UTC, datetime

from prometheus_client import Histogram

from pfcon.metrics.instruments import BYTES_IN, BYTES_OUT, FETCH, JOB_CHANGES, QUEUE, RUN, STAGING
from pfcon.models import JobStatus
from pfcon.records import Change

_FINAL = {status.value for status in JobStatus if status.final}


def count_change(change: Change) -> None:
    """Count a change; when a job has started, also how long that took; at its end, how long it ran, and its data."""
    kind = change.kind.value
    JOB_CHANGES.labels(kind, change.status, change.reason).inc()
    ends = change.status in _FINAL
    starts = change.status == JobStatus.STARTED.value
    if starts or (ends and change.previous != JobStatus.STARTED.value):  # a short job may never be seen to run
        # Some engines tell only at the end when it began.
        began = change.started_at or (datetime.now(UTC) if starts else None)
        _observe(STAGING, kind, change.created_at, change.staged_at)
        if began is not None:
            _observe(QUEUE, kind, change.staged_at or change.created_at, change.placed_at or began)
            _observe(FETCH, kind, change.placed_at, began)
    if ends:
        _observe(RUN, kind, change.started_at, change.finished_at)
        for sizes, size in ((BYTES_IN, change.bytes_in), (BYTES_OUT, change.bytes_out)):
            if size is not None:
                sizes.labels(kind).observe(size)


def _observe(histogram: Histogram, kind: str, begin: datetime | None, end: datetime | None) -> None:
    if begin is not None and end is not None:
        histogram.labels(kind).observe(_seconds(begin, end))


def _seconds(begin: datetime, end: datetime) -> float:
    """Return the seconds between two moments; 0 if the clocks of the engine and of the service differ by more."""
    return max(0.0, (end - begin).total_seconds())
