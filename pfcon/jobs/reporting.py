"""Reporting the progress of staging in a job's record."""

import time
from collections.abc import Callable

from pfcon.errors import Conflict
from pfcon.records import Journal, Record

NOTE_INTERVAL = 1.0  # seconds between two notes of progress in the record


def reporter(journal: Journal, record: Record) -> Callable[[str], None]:
    """Return a function that notes progress in the record, at most once in NOTE_INTERVAL seconds.

    The function raises Conflict if the job was deleted.
    """
    last = 0.0

    def report(message: str) -> None:
        nonlocal last
        if time.monotonic() - last < NOTE_INTERVAL:
            return
        last = time.monotonic()
        if not journal.note(record, message):
            raise Conflict(f"job {record.jid} was deleted or cancelled by another request")

    return report
