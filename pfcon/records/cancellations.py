"""Records of jobs that a client cancels: the request is written first, so that it is not lost, and then the end."""

import time

from pfcon.models import JobStatus
from pfcon.reasons import CANCELLED
from pfcon.records.journal import Journal
from pfcon.records.record import Phase, Record
from pfcon.records.rows import BEFORE, IN_PHASE


def request_cancellation(journal: Journal, record: Record) -> bool:
    """Record that a job is to be cancelled. Idempotent. Returns False if it has ended, or its claim has changed."""
    return journal.update(BEFORE[Phase.FINAL], record, {"cancel_request": record.attempt})


def end_cancelled(journal: Journal, record: Record) -> bool:
    """Record the end of a cancelled job whose owner has rolled its submission back, in phase REMOVING."""
    values = {
        "phase": Phase.FINAL.value,
        "status": JobStatus.FAILED.value,
        "message": CANCELLED.message,
        "reason": CANCELLED.reason,
        "cancel_request": None,
        "spec": "",
        "owner": None,
        "finished_at": time.time(),
        "changed_at": time.time(),
    }
    return journal.update(IN_PHASE[Phase.REMOVING], record, values)
