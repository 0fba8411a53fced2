"""Cancelling the jobs of a jid before its data are deleted, also those that no record knows."""

import time
from collections.abc import Sequence
from contextlib import suppress

from pfcon.errors import Absent, Conflict, Foreign, StorageFull, Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import any_of_ours, in_the_way, that_of
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobId, JobInfo, JobKind, JobStatus
from pfcon.records import Phase, Record, new_claim

CANCELLED = "cancelled by a delete job"
STOP_WAIT = 120.0  # seconds that a job may take to end after it was cancelled
POLL = 0.2  # seconds


class Canceller:
    """Finds and cancels active jobs of some kinds: those that use the data of their jid."""

    def __init__(self, context: JobContext, scheduler: Scheduler, kinds: Sequence[JobKind]) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._kinds = kinds

    def active(self, jid: JobId) -> list[JobKind]:
        """The kinds of which the jid has a job that has not ended, recorded or not.

        Raises Unreachable, and Conflict where the data may be those of a job that another pfcon has made.
        """
        return [kind for kind in self._kinds if self._is_active(jid, kind)]

    def _is_active(self, jid: JobId, kind: JobKind) -> bool:
        record = self._journal.get(jid, kind)
        if record is None or record.phase is Phase.REMOVED:
            return self._runs_unrecorded(jid, kind)
        if record.phase is Phase.SCHEDULED:
            return not self._scheduler.look(record)[0].status.final
        return record.phase is not Phase.FINAL

    def _runs_unrecorded(self, jid: JobId, kind: JobKind) -> bool:
        """Whether the engine runs a job that has no record, because that is in another database, or lost.

        One that this service has not signed may be its own for all that, made before its key or its records were lost:
        where nothing speaks of the data but that job, they stay while it runs.
        """
        name, engine = kind.engine_name(jid), self._context.engine_of(kind)
        try:
            return not _has_ended(engine.info(name, any_of_ours(self._context, name)))
        except Foreign as found:
            spoken_of = any(self._journal.get(jid, other) for other in self._kinds)
            if found.ended or spoken_of or not self._context.storebase.job(jid).is_taken():
                return False
            reason = in_the_way(self._context, name, found)
            raise Conflict(f"the data of {jid} may be in use and are not deleted: {reason}") from None
        except Absent:
            return False

    def cancel(self, jid: JobId, kind: JobKind) -> None:
        """Cancel a job and wait for its end. Raises Unreachable when it does not end within STOP_WAIT."""
        patience = time.monotonic() + STOP_WAIT
        while self._is_active(jid, kind):
            record = self._journal.get(jid, kind)
            if record is None or record.phase is Phase.REMOVED:
                name = kind.engine_name(jid)
                with suppress(Absent):  # it was removed before it was cancelled
                    self._context.engine_of(kind).cancel(name, any_of_ours(self._context, name))
            elif record.phase in (Phase.STAGING, Phase.SCHEDULING):
                try:
                    self._cancel_unscheduled(record)
                except StorageFull:
                    self._context.engine_of(kind).remove(record.name, that_of(self._context, record))
                    return
            elif record.phase is Phase.SCHEDULED:
                with suppress(Absent):  # it was removed before it was cancelled
                    self._context.engine_of(kind).cancel(record.name, that_of(self._context, record))
            if time.monotonic() > patience:
                raise Unreachable(f"the {kind.value} job of {jid} does not end")
            time.sleep(POLL)

    def _cancel_unscheduled(self, record: Record) -> None:
        """End a job that is not known to be on its engine. Its owner finds that out, and rolls its submission back.

        Where it has no owner, as when the engine did not answer, that is done here, before anything is deleted.
        """
        if record.phase is not Phase.SCHEDULING or not record.interrupted:
            self._scheduler.fail(record, CANCELLED)
            return
        claim = new_claim()
        with self._journal.live.on(claim, *record.claims):
            owned = self._journal.take_over(record, claim)
            if owned is not None:
                self._context.engine_of(owned.kind).remove(owned.name, that_of(self._context, owned))
                self._scheduler.fail(owned, CANCELLED)


def _has_ended(info: JobInfo) -> bool:
    """False also where the engine does not know how the job ended."""
    return info.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
