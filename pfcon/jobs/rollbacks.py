"""Rolling back submissions: a job that somebody ended while its engine was asked to begin it is removed from there."""

import logging
import threading

from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.ownership import that_of
from pfcon.jobs.trash import delete_data
from pfcon.records import Phase, Record, unsigned

log = logging.getLogger(__name__)


class Rollbacks:
    """What can't be rolled back now, because the records or the engine are away, is tried again by this process.

    Nobody else would look: the record does not speak of the job any more. Thread-safe.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._journal = context.journal
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[Record, bool]] = {}

    def roll_back(self, record: Record, *, with_data: bool = False) -> None:
        """Roll a try of a job back, unless another process has taken it over and continues it.

        with_data: also delete what was staged for it. What it raises is tried again by ``retry``.
        """
        with self._lock:
            self._pending[record.claim] = (record, with_data)
        self._remove(record, with_data)
        with self._lock:
            self._pending.pop(record.claim, None)

    def retry(self) -> None:
        """Roll back what could not be rolled back before."""
        with self._lock:
            pending = list(self._pending.values())
        for record, with_data in pending:
            if record.claim in self._journal.live:
                continue  # its own work has not ended yet
            try:
                self.roll_back(record, with_data=with_data)
            except (PfconError, OSError) as error:
                log.warning("job %s: it can't be rolled back yet: %s", record.jid, error)

    def _remove(self, record: Record, with_data: bool) -> None:
        request = record.spec.request if record.spec else request_id(record.request, record.claim)
        current = self._journal.get(record.jid, record.kind)
        if current is not None and _goes_on(current, record, request):
            return
        self._context.engine_of(record.kind).remove(record.name, that_of(self._context, record))
        self._journal.release(request)
        if record.spec:
            self._context.kinds[record.kind].after_removal(self._context, record.jid, record.spec)
        if with_data and (current is None or current.phase is Phase.REMOVED):
            delete_data(self._context.storebase.job(record.jid))  # staged after somebody had deleted the job


def _goes_on(current: Record, record: Record, request: str) -> bool:
    """Whether a record says that this very try is to run, or runs; or recovery is about to find it."""
    if current.phase not in (Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED):
        return False
    if current.claim == record.claim:
        return True
    return current.spec is not None and unsigned(current.spec.request) == unsigned(request)
