"""Rolling back submissions: removing from its engine a job that another request ended while it was submitted."""

import logging
import threading

from pfcon.errors import PfconError
from pfcon.jobs.about import of_record
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.ownership import job_matcher
from pfcon.jobs.trash import delete_data
from pfcon.records import Phase, Record, unsigned
from pfcon.service_log import working_on

log = logging.getLogger(__name__)


class Rollbacks:
    """Rolls back submissions; retries those for which the records or the engine did not answer. Thread-safe.

    Only this process can retry them: the record does not contain the job any more.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._journal = context.journal
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[Record, bool]] = {}

    def roll_back(self, record: Record, *, with_data: bool = False) -> None:
        """Roll back an attempt to submit a job, unless another process has taken it over and continues it.

        with_data: also delete what was staged for it. After an error, ``retry`` repeats the roll-back.
        """
        with self._lock:
            self._pending[record.claim] = (record, with_data)
        with working_on(of_record(record)):
            self._remove(record, with_data)
        with self._lock:
            self._pending.pop(record.claim, None)

    def retry(self) -> None:
        """Repeat the roll-backs that have failed before."""
        with self._lock:
            pending = list(self._pending.values())
        for record, with_data in pending:
            if record.claim in self._journal.live:
                continue  # its submission has not ended yet
            try:
                self.roll_back(record, with_data=with_data)
            except (PfconError, OSError) as error:
                log.warning("job %s: it can't be rolled back yet: %s", record.jid, error, extra=of_record(record))

    def _remove(self, record: Record, with_data: bool) -> None:
        request = record.spec.request if record.spec else request_id(record.request, record.claim)
        current = self._journal.get(record.jid, record.kind)
        if current is not None and _continues(current, record, request):
            return
        self._context.engine_of(record.kind).remove(record.name, job_matcher(self._context, record))
        self._journal.release(request)
        if record.spec:
            self._context.kinds[record.kind].after_removal(self._context, record.jid, record.spec)
        if with_data and (current is None or current.phase is Phase.REMOVED):
            delete_data(self._context.storebase.job(record.jid))  # staged after the job had been deleted


def _continues(current: Record, record: Record, request: str) -> bool:
    """Return whether the current record is about the same attempt, which is to run or runs, or is to be recovered."""
    if current.phase not in (Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED):
        return False
    if current.claim == record.claim:
        return True
    return current.spec is not None and unsigned(current.spec.request) == unsigned(request)
