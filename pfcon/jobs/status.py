"""The answer to a client that asks for the status of a job: from the record if that is fresh, else from the engine."""

import logging
from dataclasses import replace

from pfcon.errors import Absent, Foreign, StorageFull
from pfcon.jobs.about import of_id
from pfcon.jobs.adoption import adopt_end
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import foreign_job_error, service_matcher, was_of_this_service
from pfcon.jobs.pending_writes import PendingWrites
from pfcon.jobs.recovery import Recovery
from pfcon.jobs.shown_log import PREFIX, log_with_message, message_with_notes
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.freshness import Freshness, ReadLimits
from pfcon.models import JobId, JobInfo, JobKind, JobStatus
from pfcon.records import Phase, Record

log = logging.getLogger(__name__)


class StatusReader:
    """Reads records and states of jobs for clients."""

    def __init__(
        self,
        context: JobContext,
        states: JobStates,
        recovery: Recovery,
        pending_writes: PendingWrites,
        freshness: Freshness,
    ) -> None:
        self._context = context
        self._states = states
        self._recovery = recovery
        self._pending_writes = pending_writes
        self._freshness = freshness
        self._limits = ReadLimits(context.processes)

    def record(self, jid: JobId, kind: JobKind) -> Record | None:
        """Return the record of a job, None if it is removed. A job whose owner died is recovered first."""
        record = self._context.journal.get(jid, kind)
        if record is None or record.claim in self._pending_writes:
            return None
        if record.interrupted:
            try:
                self._recovery.recover(record)
            except StorageFull as error:
                log.warning("job %s: it can't be continued yet: %s", jid, error, extra=of_id(jid, kind))
            record = self._context.journal.get(jid, kind)
        return None if record is None or record.phase is Phase.REMOVED else record

    def status(self, jid: JobId, kind: JobKind, *, newest: bool = False) -> tuple[JobInfo, str]:
        """Return the state of a job, and the last lines of its log. newest: the engine's state, not the record's.

        Raises Absent for an unknown job, Foreign if only another service has had a job of that name, Unreachable if the
        records or the engine do not answer.
        """
        if ended := self._context.kinds[kind].pending_end(jid, self._pending_writes):
            return ended, ""
        record = self.record(jid, kind)
        if record is None or record.is_placeholder:
            return self._unrecorded(jid, kind)
        if record.phase is not Phase.SCHEDULED:
            return _as_shown(self._context, record, record.info, record.logs)
        if not newest and self._freshness.is_fresh(kind, record.claim) and not self._limits.may_check(record.claim):
            return _as_shown(self._context, record, self._states.recorded(record), self._log(record))
        info, logs = self._states.refresh(record)
        if info.status.final:
            record = self._context.journal.get(jid, kind) or record  # with the notes that were added at its end
        return _as_shown(self._context, record, info, logs)

    def _log(self, record: Record) -> str:
        """Return the log of a job that runs: the engine's, if the engine may be asked for it now."""
        engine = self._context.engine_of(record.kind)
        if not self._limits.may_read_log(record.claim, engine.name, engine.log_reads_per_minute):
            return record.logs
        return self._states.read_log(record, save=self._limits.may_save_log(record.claim))

    def _unrecorded(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """Return the state and the log of a job without a record: this service's records may have been lost.

        Its end is recorded, so that it stays.
        """
        name = kind.engine_name(jid)
        try:
            engine, ours = self._context.engine_of(kind), service_matcher(self._context, name)
            info, logs = engine.info(name, ours), engine.logs(name, self._context.options.logs_tail, ours)
        except Absent as found:
            if isinstance(found, Foreign) and not was_of_this_service(self._context, jid, kind):
                raise foreign_job_error(self._context, name, found) from None
            raise Absent(f"there is no {kind.noun} {jid}") from None
        if info.status.ended and self._context.journal.get(jid, kind) is None:
            adopt_end(self._context, jid, kind, info, logs)
        return info, logs


def _as_shown(context: JobContext, record: Record, info: JobInfo, logs: str) -> tuple[JobInfo, str]:
    """Add the record's notes to the message, and what the job did not write itself to its log: see ``shown_log``.

    The log has each note once: here above it, or where the job wrote it.
    """
    kind = context.kinds[record.kind]
    if kind.notes_in_log:
        logs = "".join(f"{PREFIX}{note}\n" for note in record.notes) + logs
    if context.options.message_in_log:
        if kind.notes_in_log or info.status is not JobStatus.SUCCEEDED:
            logs = log_with_message(info, logs)
        logs = kind.earlier_logs(context, record) + logs
    return replace(info, message=message_with_notes(info, record.notes)), logs
