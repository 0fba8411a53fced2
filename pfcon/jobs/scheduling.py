"""Submitting a job to its engine, and recording the state that the engine reports."""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent, Conflict, Foreign, ImageMissing, PfconError, StorageFull, Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.fetching import Fetches
from pfcon.jobs.ownership import foreign_job_error, job_matcher, service_matcher
from pfcon.jobs.pending_writes import PendingWrites
from pfcon.jobs.removal import Remover
from pfcon.jobs.repetition import run_again
from pfcon.models import CANCELLED, JobInfo, JobSpec, JobStatus
from pfcon.records import Phase, Record
from pfcon.records.cancellations import MESSAGE as CANCELLED_MESSAGE
from pfcon.records.rows import details_row

log = logging.getLogger(__name__)

ABSENCE_GRACE = 10.0  # seconds after scheduling in which an engine may not know the job yet
MAX_STARTING = 4  # jobs that one process starts in parallel; more would delay its short requests
FULL = "storeBase is full: the end of the job can't be recorded yet"
FAILED = JobStatus.FAILED
KEPT_LOG = 65536  # characters of a running job's log that are recorded, in case it is removed by another program
NOTE_INTERVAL = 1.0  # seconds between two updates of the progress in the record


class Scheduler:
    """Moves records from SCHEDULING to SCHEDULED and FINAL."""

    def __init__(self, context: JobContext, remover: Remover) -> None:
        self._context = context
        self._remover = remover
        self._journal = context.journal
        live = self._journal.live
        self._fetches = Fetches(self._journal.note, self._image_fetched, lambda record: live.on(*record.claims))
        self._starting = threading.Semaphore(MAX_STARTING)

    @property
    def pending_writes(self) -> PendingWrites:
        """Changes that a full disk has kept from being recorded."""
        return self._remover.pending_writes

    def begin(self, record: Record) -> JobInfo:
        """Schedule an operation that was claimed and prepared. Raises Conflict if it was deleted."""
        if record.spec is None:
            raise LookupError(f"the {record.kind.value} job of {record.jid} has no specification in its record")
        if not self._journal.move(record, Phase.SCHEDULING):
            raise Conflict(f"the {record.kind.value} job of {record.jid} was deleted by another request")
        return self.schedule(replace(record, phase=Phase.SCHEDULING), record.spec)

    def schedule(self, record: Record, spec: JobSpec) -> JobInfo:
        """Submit the job of a record in SCHEDULING to the engine; return its state.

        A missing image is fetched in the background first. Raises what the engine raises, but nothing once the engine
        has the job, or may have it.
        """
        try:
            info = self._ask_engine(spec)
        except ImageMissing as waiting:
            self._journal.note(record, str(waiting))
            self._fetches.add(self._context.engine_of(spec.kind), replace(record, spec_json=spec.to_json()), spec)
            return JobInfo(spec.name, JobStatus.NOT_STARTED, str(waiting), spec.image, spec.argv)
        except MaybeCreated as fault:  # starting another one might run the job twice: recovery asks the engine again
            message = f"{fault}; asking again"
            self.set_message(record, message)
            return JobInfo(spec.name, JobStatus.NOT_STARTED, message, spec.image, spec.argv)
        try:
            self._scheduled(record, spec, info)
        except (Unreachable, StorageFull) as error:  # recovery finds it on the engine, and does not start it again
            log.warning("job %s: the engine has it, which will be recorded later: %s", spec.name, error)
        # The image and the command as requested, not as an engine spells them.
        return replace(info, image=spec.image, argv=spec.argv, created_at=record.created_at)

    def _ask_engine(self, spec: JobSpec) -> JobInfo:
        engine = self._context.engine_of(spec.kind)
        spec = self._context.environments.complete(spec)
        if spec.secrets and not engine.own_secrets:
            self._write_credentials()
        with self._starting:
            try:
                return engine.schedule(spec)
            except Conflict as conflict:
                ours = service_matcher(self._context, spec.name)
                try:
                    found = engine.info(spec.name, lambda its: its == spec.request or ours(its))
                except Foreign as foreign:
                    raise Conflict(str(foreign_job_error(self._context, spec.name, foreign))) from None
                except Absent:
                    raise conflict from None  # it is not pfcon's, or was just removed
            if found.request == spec.request:
                return found  # started by a service that died before it could record that
            if not found.status.final:
                raise Conflict(f"the engine still runs another job named {spec.name}")
            engine.remove(spec.name, found.request.__eq__)  # an earlier job of that name, which this one replaces
            return engine.schedule(spec)

    def _write_credentials(self) -> None:
        """Write the storage's credentials, which may have changed since the job was recorded. Raises Unreachable."""
        if self._context.credentials is None:  # the service has another storage now: those of the job's time remain
            return
        try:
            self._context.credentials.write(beside=not self._context.options.op_image)
        except OSError as fault:
            raise Unreachable(f"the storage's credentials can't be written to storeBase: {fault.strerror}") from fault

    def _image_fetched(self, record: Record, spec: JobSpec, fault: Exception | None) -> None:
        """Schedule a job after its image was fetched, or end it with ``fault``. Errors are written to the record.

        Raises Unreachable if that is not possible: then recovery tries again, as if the engine does not answer.
        """
        try:
            if fault is not None:
                raise fault
            if not self._journal.note(record, "asking the engine"):
                self._journal.settle(spec.request)
                return  # deleted by another request; another job may have the name now
            info = self._ask_engine(spec)
        except (Unreachable, StorageFull) as error:
            self._journal.note(record, f"{error}; trying again")
        except PfconError as error:
            self.fail(record, str(error))
            self._remover.release_refused(record, spec.request)
        except Exception:  # nothing else catches it in this thread; the user must not wait forever
            log.exception("job %s: fetching its image failed", spec.name)
            self.fail(record, "internal error while the image was fetched; see the service's log")
            self._journal.settle(spec.request)
        else:
            self._scheduled(record, spec, info)

    def set_message(self, record: Record, message: str) -> None:
        """Set the record's message for the user. An error of the records is only logged."""
        try:
            self._journal.note(record, message)
        except PfconError as error:
            log.warning("job %s: the message %r can't be recorded: %s", record.name, message, error)

    def _scheduled(self, record: Record, spec: JobSpec, info: JobInfo) -> None:
        if self._context.kinds[record.kind].is_interrupted(self._context, record, info):
            info = replace(info, status=JobStatus.STARTED)  # the next ``refresh`` handles it
        if info.status.final:
            self._journal.settle(spec.request)
            moved = self._end(record, spec, info)
        else:
            values: dict[str, Any] = {"status": _forward(record, info).value, "message": info.message}
            moved = self._journal.move(record, Phase.SCHEDULED, settled=spec.request, **values)
        if moved:
            self._delete_environment(spec)
        else:
            self._remover.rollbacks.roll_back(replace(record, spec_json=spec.to_json()))

    def refresh(self, record: Record) -> tuple[JobInfo, str]:
        """Ask the engine for the state and the log of a job in SCHEDULED; record its end. Raises Unreachable."""
        spec = record.spec
        if spec is None:
            raise LookupError(f"job {record.jid} is scheduled, but its record has no specification")
        try:
            info = self._context.engine_of(record.kind).info(record.name, job_matcher(self._context, record))
        except Absent:
            if time.time() - record.changed_at < ABSENCE_GRACE:
                return record.info, record.logs
            reason = "the engine no longer knows the job: it was removed there, not by pfcon"
            info, logs = JobInfo(record.name, JobStatus.FAILED, reason, interrupted=True), record.logs
        else:
            logs = self.logs(record) or record.logs  # the last log that could be read
        details = record.details.updated(info.details)
        info = replace(info, image=spec.image, argv=spec.argv, created_at=record.created_at, details=details)
        if info.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
            if info.status is JobStatus.FAILED and self._is_cancelled(record):
                info = replace(info, message=CANCELLED_MESSAGE, reason=CANCELLED, interrupted=False)
            try:
                if self._context.kinds[record.kind].is_interrupted(self._context, record, info):
                    info = run_again(self._context, record, spec, info, logs)
                    if not info.status.final:
                        return info, logs
                self._end(record, spec, info, logs)
            except StorageFull as error:  # the engine keeps the end, and clients get it from the engine
                log.warning("job %s: its end can't be recorded yet: %s", record.name, error)
                end = self._context.kinds[record.kind].conclude(self._context, record, spec, info).info
                return replace(end, message="; ".join(filter(None, (end.message, FULL)))), logs
            ended = self._journal.get(record.jid, record.kind)
            if ended is not None and ended.phase is Phase.FINAL:
                return ended.info, ended.logs
        info = self._record_progress(record, info, logs)
        return self._context.kinds[record.kind].present(self._context, record, info), logs

    def _is_cancelled(self, record: Record) -> bool:
        """Return whether a client has cancelled the job, also since the record was read."""
        current = self._journal.get(record.jid, record.kind)
        return current is not None and current.to_cancel and current.attempt == record.attempt

    def cancel(self, record: Record) -> None:
        """Ask the engine to stop a job in SCHEDULED. Idempotent. Raises Unreachable."""
        with suppress(Absent):  # ``refresh`` records that it was removed
            self._context.engine_of(record.kind).cancel(record.name, job_matcher(self._context, record))

    def watch(self, record: Record) -> None:
        """Check whether a job in SCHEDULED has ended, before its engine forgets it. Raises Unreachable."""
        try:
            info = self._context.engine_of(record.kind).info(record.name, job_matcher(self._context, record))
        except Absent:
            self.refresh(record)
            return
        if info.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
            self.refresh(record)
        else:
            self._record_progress(record, info, record.logs)

    def _record_progress(self, record: Record, info: JobInfo, logs: str) -> JobInfo:
        """Record and return the state of a job that has not ended: a started job is never reported as not started.

        An error of the records is only logged.
        """
        info = replace(info, status=_forward(record, info))
        status = info.status if info.status is JobStatus.STARTED else record.status
        kept = logs[-KEPT_LOG:]
        details = record.details.updated(info.details)
        if (status, kept, details) != (record.status, record.logs, record.details):
            try:
                self._journal.save_status(record, status, kept, details)
            except PfconError as error:
                log.warning("job %s: the state that the engine reports can't be recorded: %s", record.name, error)
        return info

    def present(self, record: Record) -> JobInfo:
        """Return the state of a recorded job: from its engine, or from the record if the engine does not answer."""
        if record.phase is not Phase.SCHEDULED:
            return record.info
        try:
            return self.refresh(record)[0]
        except Unreachable:
            return record.info

    def logs(self, record: Record) -> str:
        """Return the last lines of a job's log; ``""`` if it can't be read, which is not an error of the job."""
        try:
            mine = job_matcher(self._context, record)
            return self._context.engine_of(record.kind).logs(record.name, self._context.options.logs_tail, mine)
        except PfconError as error:
            log.warning("job %s: its log can't be read: %s", record.name, error)
            return ""

    def fail(
        self, record: Record, message: str, status: JobStatus = FAILED, *, reason: str = "", ended: bool = False
    ) -> bool:
        """Record the end of a job that the engine does not have, or from which its owner removes it.

        Returns False if the record has changed since it was read: the engine may just have accepted the job.
        reason: see JobInfo. ended: see ``Journal.move``.
        """
        end = JobInfo(record.name, status, message, reason=reason)
        return self._finish(record, record.spec, end, "", still=True, ended=ended)

    def _end(self, record: Record, spec: JobSpec, info: JobInfo, logs: str | None = None) -> bool:
        """Record the end that the engine reports. Returns False if the record has changed since it was read."""
        end = self._context.kinds[record.kind].conclude(self._context, record, spec, info)
        if info.reason:  # what the job itself reports is a consequence of it
            end = replace(end, info=replace(end.info, message=info.message, reason=info.reason))
        logs = self.logs(record) if logs is None else logs
        return self._finish(record, spec, end.info, logs, ended=info.status is not JobStatus.UNDEFINED, **end.values)

    def _finish(self, record: Record, spec: JobSpec | None, info: JobInfo, logs: str, **values: Any) -> bool:
        moved = self._journal.move(
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
            self._delete_environment(spec)
        return moved

    def _delete_environment(self, spec: JobSpec | None) -> None:
        """Delete the environment, which is not needed any more. If that fails, recovery deletes it."""
        try:
            self._context.environments.delete(spec)
        except OSError as fault:
            log.warning("the environment of job %s can't be deleted yet: %s", spec and spec.name, fault)


def _forward(record: Record, info: JobInfo) -> JobStatus:
    """Return the status of a job that has not ended: a started job is never reported as not started."""
    waits_again = info.status is JobStatus.NOT_STARTED and record.status is JobStatus.STARTED
    return JobStatus.STARTED if waits_again else info.status
