"""Asking the engine for the state of a job, and recording it."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from pfcon.errors import Absent, PfconError, StorageFull, Unreachable
from pfcon.jobs.about import of_record
from pfcon.jobs.context import JobContext
from pfcon.jobs.ending import STOPPED, Ender
from pfcon.jobs.kept_ends import KeptEnds
from pfcon.jobs.ownership import job_matcher
from pfcon.jobs.repetition import run_again
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.reasons import CANCELLED, Reason, Why, explain
from pfcon.records import Phase, Record

log = logging.getLogger(__name__)

ABSENCE_GRACE = 10.0  # seconds after scheduling in which an engine may not know the job yet
FULL = "storeBase is full: the end of the job can't be recorded yet"
LOG_WAIT = 60.0  # seconds after the end of a job in which its log has to be read before its end is recorded
KEPT_LOG = 65536  # characters of a running job's log that are recorded, in case it is removed by another program


class JobStates:
    """Reads the states of jobs in SCHEDULED from their engines, and records what has changed."""

    def __init__(self, context: JobContext, ender: Ender) -> None:
        self._context = context
        self._journal = context.journal
        self._ender = ender
        self._kept_ends = KeptEnds()

    def refresh(self, record: Record) -> tuple[JobInfo, str]:
        """Ask the engine for the state and the log of a job in SCHEDULED; record its end. Raises Unreachable.

        What clients were told as the end stays, whatever the engine says now: see ``KeptEnds``. So does an end that
        another process has recorded while the engine was asked.
        """
        found = self._find(record, with_log=True)
        return found if found[0].status.ended else self._recorded_end(record) or found

    def watch(self, record: Record) -> JobInfo:
        """Like ``refresh``, but the log is read only at the end of a job."""
        return self._find(record, with_log=False)[0]

    def _find(self, record: Record, *, with_log: bool) -> tuple[JobInfo, str]:
        kept = self._kept_ends.get(record)
        if kept is not None:
            return self._take(record, *kept)
        info = self._ask(record)
        if info is None:
            return record.info, record.logs
        return self._take(record, info, self._read_log(record, info) if with_log or info.status.ended else record.logs)

    def _recorded_end(self, record: Record) -> tuple[JobInfo, str] | None:
        """Return the end of a job, if one was recorded since the record was read."""
        current = self._journal.get(record.jid, record.kind)
        if current is None or current.phase is not Phase.FINAL or current.attempt != record.attempt:
            return None
        return current.info, current.logs

    def _read_log(self, record: Record, info: JobInfo) -> str:
        """Return the log of a job; that of the record, which may be older, if it can't be read.

        Raises Unreachable if the job has ended a moment ago: its log is recorded once, so its end waits for the log.
        """
        patient = (
            info.finished_at is not None and abs((datetime.now(UTC) - info.finished_at).total_seconds()) < LOG_WAIT
        )
        return self._ender.logs(record, patient=patient) or record.logs

    def _ask(self, record: Record) -> JobInfo | None:
        """Return the engine's state of a job; None if the engine may not know the job yet. Raises Unreachable."""
        try:
            return self._context.engine_of(record.kind).info(record.name, job_matcher(self._context, record))
        except Absent:
            if abs(time.time() - record.changed_at) < ABSENCE_GRACE:  # the clock of another host may be ahead
                return None
            return JobInfo(record.name, JobStatus.FAILED).because(explain(Reason.REMOVED_OUTSIDE, interrupted=True))

    def _take(self, record: Record, info: JobInfo, logs: str) -> tuple[JobInfo, str]:
        """Record a state that the engine reports. Returns it as users see it, with the log."""
        spec = record.spec
        if spec is None:
            raise LookupError(f"job {record.jid} is scheduled, but its record has no specification")
        reported = info
        details = record.details.updated(info.details)
        info = replace(info, image=spec.image, argv=spec.argv, created_at=record.created_at, details=details)
        if info.status.ended:
            if info.status is JobStatus.FAILED and info.reason not in STOPPED and self._is_cancelled(record):
                info = info.because(CANCELLED)
            try:
                if self._context.kinds[record.kind].is_interrupted(self._context, record, info):
                    info = run_again(self._context, record, spec, info, logs)
                    if not info.status.final:
                        return info, logs
                self._ender.end(record, spec, info, logs)
            except StorageFull as error:  # clients are told of the end, and may free space
                log.warning("job %s: its end can't be recorded yet: %s", record.name, error, extra=of_record(record))
                self._kept_ends.keep(record, reported, logs)
                return self._unrecorded_end(record, spec, info), logs
            self._kept_ends.discard(record)
            current = self._journal.get(record.jid, record.kind)
            if current is not None and current.phase is not Phase.REMOVED:  # unless another process was faster: the end
                return current.info, current.logs
            return info, logs
        info = self._record_progress(record, info, logs)
        return self._context.kinds[record.kind].present(self._context, record, info), logs

    def _unrecorded_end(self, record: Record, spec: JobSpec, info: JobInfo) -> JobInfo:
        end = self._context.kinds[record.kind].conclude(self._context, record, spec, info).info
        return replace(end, message="; ".join(filter(None, (end.message, FULL))))

    def _is_cancelled(self, record: Record) -> bool:
        """Return whether a client has cancelled the job, also since the record was read."""
        current = self._journal.get(record.jid, record.kind)
        return current is not None and current.to_cancel and current.attempt == record.attempt

    def _record_progress(self, record: Record, info: JobInfo, logs: str) -> JobInfo:
        """Record and return the state of a job that has not ended: a started job is never reported as not started.

        An error of the records is only logged.
        """
        info = replace(info, status=forward(record, info))
        kept = logs[-KEPT_LOG:]
        new = (info.status, info.message, info.reason, info.details, kept)
        if new != (record.status, record.message, record.reason, record.details, record.logs):
            self._save(record, lambda: self._journal.save_status(record, info, kept))
        return info

    def _save(self, record: Record, save: Callable[[], None]) -> None:
        try:
            save()  # if another process has recorded a state meanwhile, that one stays: it may be newer
        except PfconError as error:
            log.warning(
                "job %s: the state that the engine reports can't be recorded: %s",
                record.name,
                error,
                extra=of_record(record),
            )

    def recorded(self, record: Record) -> JobInfo:
        """Return the state of a job in SCHEDULED by its record alone, as users see it."""
        return self._context.kinds[record.kind].present(self._context, record, record.info)

    def read_log(self, record: Record, *, save: bool) -> str:
        """Return the log of a job that runs; that of the record if it can't be read. save: to the record."""
        logs = self._ender.logs(record) or record.logs
        kept = logs[-KEPT_LOG:]
        if save and kept != record.logs:
            self._save(record, lambda: self._journal.save_log(record, kept))
        return logs

    def present(self, record: Record) -> JobInfo:
        """Return the state of a recorded job: from its engine, or from the record if the engine does not answer."""
        if record.phase is not Phase.SCHEDULED:
            return record.info
        try:
            return self.refresh(record)[0]
        except Unreachable:
            return record.info

    def cancel(self, record: Record, why: Why = CANCELLED) -> None:
        """Ask the engine to stop a job in SCHEDULED for that reason. Idempotent. Raises Unreachable."""
        with suppress(Absent):  # ``refresh`` records that it was removed
            self._context.engine_of(record.kind).cancel(record.name, job_matcher(self._context, record), why)


def forward(record: Record, info: JobInfo) -> JobStatus:
    """Return the status of a job that has not ended: a started job is never reported as not started."""
    has_started = record.status is JobStatus.STARTED or record.details.started_at is not None
    waits_again = info.status is JobStatus.NOT_STARTED and has_started
    return JobStatus.STARTED if waits_again else info.status
