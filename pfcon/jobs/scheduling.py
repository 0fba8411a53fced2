"""Submitting a job to its engine."""

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pfcon.compute.base import ComputeEngine
from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent, Conflict, Foreign, ImageMissing, PfconError, StorageFull, Unreachable
from pfcon.jobs.about import of_record, of_spec
from pfcon.jobs.context import JobContext
from pfcon.jobs.ending import Ender
from pfcon.jobs.fetching import Fetches
from pfcon.jobs.ownership import foreign_job_error, service_matcher
from pfcon.jobs.pending_writes import PendingWrites
from pfcon.jobs.removal import Remover
from pfcon.jobs.states import JobStates, forward
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails
from pfcon.reasons import Reason, explain
from pfcon.records import Phase, Record
from pfcon.records.rows import details_row

log = logging.getLogger(__name__)

MAX_STARTING = 4  # jobs that one process starts in parallel; more would delay its short requests


class Scheduler:
    """Moves records from SCHEDULING to SCHEDULED and FINAL."""

    def __init__(self, context: JobContext, remover: Remover) -> None:
        self._context = context
        self._remover = remover
        self._journal = context.journal
        live = self._journal.live
        self._fetches = Fetches(self._journal.note, self._image_fetched, lambda record: live.on(*record.claims))
        self._starting = threading.Semaphore(MAX_STARTING)
        self._ender = Ender(context)
        self.fail = self._ender.fail
        self.states = JobStates(context, self._ender)

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
            log.warning(
                "job %s: the engine has it, which will be recorded later: %s", spec.name, error, extra=of_spec(spec)
            )
            if info.status.final:  # told only once it is recorded: an engine may turn back
                info = JobInfo(spec.name, JobStatus.STARTED, "its state is not recorded yet", request=info.request)
        # The image and the command as requested, not as an engine spells them.
        return replace(info, image=spec.image, argv=spec.argv, created_at=record.created_at)

    def _ask_engine(self, spec: JobSpec) -> JobInfo:
        engine = self._context.engine_of(spec.kind)
        placed = RunDetails(placed_at=None if engine.has_queue else datetime.now(UTC))
        info = self._submit(engine, spec)
        return replace(info, details=placed.updated(info.details))

    def _submit(self, engine: ComputeEngine, spec: JobSpec) -> JobInfo:
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
            if not self._journal.note(record, "giving the job to the compute engine"):
                self._journal.settle(spec.request)
                return  # deleted by another request; another job may have the name now
            info = self._ask_engine(spec)
        except (Unreachable, StorageFull) as error:
            self._journal.note(record, f"{error}; trying again")
        except PfconError as error:
            self._ender.fail(record, error.why)
            self._remover.release_refused(record, spec.request)
        except Exception:  # nothing else catches it in this thread; the user must not wait forever
            log.exception("job %s: fetching its image failed", spec.name, extra=of_spec(spec))
            self._ender.fail(record, explain(Reason.INTERNAL_ERROR))
            self._journal.settle(spec.request)
        else:
            self._scheduled(record, spec, info)

    def set_message(self, record: Record, message: str) -> None:
        """Set the record's message for the user. An error of the records is only logged."""
        try:
            self._journal.note(record, message)
        except PfconError as error:
            log.warning(
                "job %s: the message %r can't be recorded: %s", record.name, message, error, extra=of_record(record)
            )

    def _scheduled(self, record: Record, spec: JobSpec, info: JobInfo) -> None:
        if self._context.kinds[record.kind].is_interrupted(self._context, record, info):
            info = replace(info, status=JobStatus.STARTED)  # the next ``refresh`` handles it
        details = record.details.updated(info.details)
        if info.status.final:
            self._journal.settle(spec.request)
            moved = self._ender.end(record, spec, replace(info, details=details))
        else:
            values: dict[str, Any] = {"status": forward(record, info).value, "message": info.message}
            values.update(details_row(RunDetails(placed_at=details.placed_at)))
            moved = self._journal.move(record, Phase.SCHEDULED, settled=spec.request, **values)
        if moved:
            self._ender.delete_environment(spec)
        else:
            self._remover.rollbacks.roll_back(replace(record, spec_json=spec.to_json()))
