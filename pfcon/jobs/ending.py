"""Recording the end of a job."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pfcon.errors import DamagedJob, PfconError, Unreachable
from pfcon.jobs.about import of_record, of_spec
from pfcon.jobs.context import JobContext
from pfcon.jobs.log_hints import with_hint
from pfcon.jobs.logs.copier import LogCopier
from pfcon.jobs.ownership import job_matcher
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails
from pfcon.reasons import Reason, Why
from pfcon.records import Phase, Record
from pfcon.records.rows import details_row

log = logging.getLogger(__name__)

FAILED = JobStatus.FAILED

STOPPED = frozenset({Reason.CANCELLED, Reason.TIME_LIMIT})
"""The reasons of jobs that pfcon has stopped."""


class Ender:
    """Moves records to FINAL."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._copier = LogCopier(context)

    def fail(self, record: Record, why: Why, status: JobStatus = FAILED, *, ended: bool = False, **values: Any) -> bool:
        """Record the end of a job that the engine does not have, or from which its owner removes it.

        Returns False if the record has changed since it was read: the engine may just have accepted the job.
        ended: see ``Journal.move``. values: further columns to write.
        """
        placed = RunDetails(placed_at=record.details.placed_at)  # the row may not have it, if the fetch was short
        end = JobInfo(record.name, status, details=placed).because(why)
        return self._finish(record, record.spec, end, "", still=True, ended=ended, **values)

    def end(self, record: Record, spec: JobSpec, info: JobInfo, logs: str | None = None) -> bool:
        """Record the end that the engine reports. logs: read from the engine if None.

        Returns False if the record has changed since it was read.
        """
        end = self._context.kinds[record.kind].conclude(self._context, record, spec, info)
        if info.reason in STOPPED:  # what the job itself reports is a consequence of it
            end = replace(end, info=replace(end.info, message=info.message, reason=info.reason))
        logs = self.logs(record) if logs is None else logs
        copies_log = self._copier.needs_copy(record)
        if copies_log:
            self._copier.expect(record)
        moved = self._finish(
            record,
            spec,
            with_hint(end.info, spec, logs),
            logs,
            ended=info.status is not JobStatus.UNDEFINED,
            **end.values,
        )
        if copies_log:
            self._copier.finish(record.jid, record.kind)
        return moved

    def logs(self, record: Record, *, patient: bool = False) -> str:
        """Return the last lines of a job's log; ``""`` if it can't be read, which is not an error of the job.

        patient: raise Unreachable if the engine does not answer now.
        """
        try:
            mine = job_matcher(self._context, record)
            return self._context.engine_of(record.kind).logs(record.name, self._context.options.logs_tail, mine)
        except PfconError as error:
            if patient and isinstance(error, Unreachable) and not isinstance(error, DamagedJob):
                raise
            log.warning("job %s: its log can't be read: %s", record.name, error, extra=of_record(record))
            return ""

    def _finish(self, record: Record, spec: JobSpec | None, info: JobInfo, logs: str, **values: Any) -> bool:
        moved = self._context.journal.move(
            record,
            Phase.FINAL,
            status=info.status.value,
            message=info.message,
            logs=logs,
            finished_at=(info.finished_at or datetime.now(UTC)).timestamp(),
            reason=info.reason or None,
            **details_row(info.details),
            # The environment may contain a user's token, and is not needed any more. Earlier releases recorded it.
            spec=replace(spec, env=(), env_file="").to_json() if spec else "",
            **values,
        )
        if moved:
            if info.detail:
                words = {"reason": info.reason, "detail": info.message, "words": info.detail}
                log.info("words of the engine", extra=of_record(record, **words))
            self.delete_environment(spec)
        return moved

    def delete_environment(self, spec: JobSpec | None) -> None:
        """Delete the environment, which is not needed any more. If that fails, recovery deletes it."""
        try:
            self._context.environments.delete(spec)
        except OSError as fault:
            fields = of_spec(spec) if spec else {}
            log.warning("the environment of job %s can't be deleted yet: %s", spec and spec.name, fault, extra=fields)
