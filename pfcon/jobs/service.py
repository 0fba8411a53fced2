"""JobService: all that the HTTP interfaces, and whoever comes beside them, do with jobs."""

import logging
import time
from dataclasses import replace
from pathlib import PurePosixPath

from pfcon import __version__
from pfcon.errors import Absent, Foreign, InvalidFields, StorageFull, Unreachable
from pfcon.files.unreadable import is_told
from pfcon.jobs import trash
from pfcon.jobs.claiming import Claimer
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds.copy import CopySubmitter
from pfcon.jobs.kinds.delete import DeleteSubmitter
from pfcon.jobs.kinds.plugin import PluginSubmitter, Submission
from pfcon.jobs.kinds.upload import UploadSubmitter
from pfcon.jobs.ownership import any_of_ours, in_the_way, was_ours
from pfcon.jobs.places import PlaceKeeper
from pfcon.jobs.recovery import Recovery
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.watching import Watcher
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobRequest, Resources, UploadRequest
from pfcon.records import Phase, Record
from pfcon.storage.base import Outputs, Upload, ZipOutputs

log = logging.getLogger(__name__)

REMOVAL_WAIT = 120.0  # seconds that a repeated DELETE waits for the first one
NOTES_IN_MESSAGE = 3


class JobService:
    """Submit, look at, fetch and remove jobs. One object serves all threads of a process."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._remover = Remover(context)
        self._scheduler = Scheduler(context, self._remover)
        self._recovery = Recovery(context, self._scheduler, self._remover)
        keeper = PlaceKeeper(context, self._scheduler, self._recovery.recover)
        self._claimer = Claimer(context, self._recovery.recover, keeper)
        self._copies = CopySubmitter(context, self._scheduler, self._remover, self._claimer)
        self._uploads = UploadSubmitter(context, self._scheduler, self._remover, self._claimer)
        self._plugins = PluginSubmitter(
            context, self._scheduler, self._remover, self._claimer, copies=self._copies, uploads=self._uploads
        )
        self._watcher = Watcher(context, self._scheduler)
        self._deletes = DeleteSubmitter(context, self._scheduler, self._claimer)

    @property
    def takes_upload(self) -> bool:
        """Whether a ``POST`` carries a zip with the inputs."""
        return self._context.storage.takes_upload

    def server_info(self) -> dict[str, str | bool]:
        """The server information for clients of the synchronous interface."""
        return {
            "server_version": __version__,
            "pfcon_innetwork": self._context.storage.innetwork,
            "storage_env": self._context.storage.name,
            "container_env": self._context.options.engine,
            "compute_volume_type": self._context.options.volume_type,
            **self._context.storage.server_info,
        }

    def staged_server_info(self) -> dict[str, str | bool]:
        """The server information for clients of the staged interface."""
        return {
            **self.server_info(),
            "requires_copy_job": self._context.storage.requires_copy_job,
            "requires_upload_job": self._context.storage.requires_upload_job,
        }

    def submit(self, request: JobRequest, upload: Upload | None) -> Submission:
        """A plugin job whose inputs are staged first. See PluginSubmitter.submit."""
        return self._plugins.submit(request, upload)

    def submit_plugin(self, request: JobRequest, upload: Upload | None) -> Submission:
        """A plugin job on the inputs that a copy job has staged, where the storage wants one."""
        if self._context.storage.requires_copy_job:
            return self._plugins.submit_copied(request)
        return self._plugins.submit(request, upload)

    def submit_copy(self, request: CopyRequest) -> JobInfo:
        """A copy job. See CopySubmitter.submit."""
        return self._copies.submit(request)

    def submit_upload(self, request: UploadRequest) -> JobInfo:
        """An upload job. See UploadSubmitter.submit."""
        return self._uploads.submit(request)

    def submit_delete(self, jid: JobId, limits: Resources) -> JobInfo:
        """A delete job. See DeleteSubmitter.submit."""
        return self._deletes.submit(jid, limits)

    def status(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """What is known of a job now, and the last lines of its log.

        Raises Absent when there is no such job, Foreign when another service has one of that name, and this one never
        had; Unreachable when the records or the engine do not answer.
        """
        if unwritten := self._context.kinds[kind].unwritten_end(jid, self._remover.unwritten):
            return unwritten, ""
        record = self._journal_get(jid, kind)
        if record is None:
            return self._unrecorded(jid, kind)
        if record.phase is not Phase.SCHEDULED:
            return self._with_notes(record, record.info, record.logs)
        info, logs = self._scheduler.look(record)
        if info.status.final:
            record = self._context.journal.get(jid, kind) or record  # with the notes that its end has brought
        return self._with_notes(record, info, logs)

    def _with_notes(self, record: Record, info: JobInfo, logs: str) -> tuple[JobInfo, str]:
        """Show what was left out of the inputs: in the message, and on top of the log unless that holds it already."""
        if not record.notes:
            return info, logs
        shown = [info.message, *record.notes[:NOTES_IN_MESSAGE]] if info.message else record.notes[:NOTES_IN_MESSAGE]
        if len(record.notes) > NOTES_IN_MESSAGE:
            shown = [*shown, f"and {len(record.notes) - NOTES_IN_MESSAGE} more notes in the log"]
        in_log = self._context.kinds[record.kind].notes_in_log
        head = "".join(f"pfcon: {note}\n" for note in record.notes) if in_log else ""
        return replace(info, message="; ".join(shown)), head + logs

    def _unrecorded(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """A job of a service whose records are lost, perhaps."""
        name = kind.engine_name(jid)
        try:
            engine, ours = self._context.engine_of(kind), any_of_ours(self._context, name)
            return engine.info(name, ours), engine.logs(name, self._context.options.logs_tail, ours)
        except Absent as found:
            if isinstance(found, Foreign) and not was_ours(self._context, jid, kind):
                raise in_the_way(self._context, name, found) from None
            raise Absent(f"there is no {kind.value} job {jid}") from None

    def outputs(self, jid: JobId, job_output_path: str | None) -> Outputs:
        """The job's output files.

        Raises Absent when there is no directory for them, Refused for a foreign one, Conflict when some can't be read.
        """
        if self._context.storage.in_storebase and job_output_path:
            self._require_own(jid, job_output_path)
        outputs = self._context.storage.outputs(self._context.storebase.job(jid), job_output_path)
        self._require_readable(jid, job_output_path, outputs)
        return outputs

    def _require_readable(self, jid: JobId, job_output_path: str | None, outputs: Outputs) -> None:
        """Look again where the job's notes report outputs that can't be read: their modes may have changed since.

        Raises Conflict.
        """
        try:
            record = self._context.journal.get(jid, JobKind.PLUGIN)
        except Unreachable:  # outputs can be had without records
            return
        if record is not None and any(map(is_told, record.notes)):
            files = isinstance(outputs, ZipOutputs)
            job = self._context.storebase.job(jid)
            self._context.storage.find_unreadable(job, job_output_path, files=files).require_none()

    def deliver(self, jid: JobId, job_output_path: str) -> None:
        """Bring the job's outputs to where they belong, within this call, where the storage wants that.

        Raises Absent when there is no such job, Conflict while it runs, and what ``Storage.deliver`` raises.
        """
        if not self._context.storage.requires_upload_job:
            return
        record = self._journal_get(jid, JobKind.PLUGIN)
        if record is None:
            raise Absent(f"there is no job {jid}")
        self._uploads.require_ended(jid, record)
        self._context.storage.deliver(self._context.storebase.job(jid), job_output_path, lambda _: None)

    def _require_own(self, jid: JobId, job_output_path: str) -> None:
        """Outputs are listed below the directory that the job's own request named, and nowhere else."""
        record = self._journal_get(jid, JobKind.PLUGIN)
        outputs = record.spec.outputs if record and record.spec else None
        if outputs is None:
            raise Absent(f"there is no job {jid}")
        asked = PurePosixPath(job_output_path.strip("/"))
        if ".." in asked.parts or not asked.is_relative_to(outputs):
            raise InvalidFields({"job_output_path": f"must be the output directory of job {jid}, got {asked}"})

    def remove(self, jid: JobId, kind: JobKind, *, with_data: bool) -> None:
        """Stop a job if it runs, and remove it; each step is idempotent.

        Raises Absent when neither the records nor the engine know the job, Foreign as ``status`` does, Unreachable when
        the engine does not answer: then the removal is completed in the background later.
        """
        patience = time.monotonic() + REMOVAL_WAIT
        waited = False
        while (record := self._journal_get(jid, kind)) is not None:
            if record.phase is not Phase.REMOVING or record.interrupted:
                if self._remover.remove(record, with_data=with_data):
                    return
            elif time.monotonic() > patience:
                raise Unreachable(f"job {jid} is still being removed")
            waited = True
            time.sleep(0.05)
        if not waited:
            self._remover.remove_unrecorded(jid, kind, with_data=with_data)

    def start(self) -> None:
        """What a process does once before it serves. Raises OSError, Unreachable."""
        self._context.journal.renew_lease()
        trash.delete_leftovers(self._context.storebase)

    def renew_lease(self) -> None:
        """What a process does every few seconds: say that it lives. Nothing slow may keep it from that."""
        self._context.journal.renew_lease()

    def recover(self) -> None:
        """What a process does every few seconds: recover the jobs of processes that have died."""
        self._recovery.recover_all()

    def watch(self) -> None:
        """What a process does a few times a minute: look at jobs that no client asks for, and empty the trash."""
        trash.retry()
        self._watcher.look()

    def stop(self) -> None:
        """What a process does at its end: leave what it could not finish to the others."""
        self._context.journal.end_lease()

    def _journal_get(self, jid: JobId, kind: JobKind) -> Record | None:
        """The record of a job that is not removed; one whose owner died is brought to rest first."""
        record = self._context.journal.get(jid, kind)
        if record is None or record.claim in self._remover.unwritten:
            return None
        if record.interrupted:
            try:
                self._recovery.recover(record)
            except StorageFull as error:
                log.warning("job %s: can't go on with it yet: %s", jid, error)
            record = self._context.journal.get(jid, kind)
        return None if record is None or record.phase is Phase.REMOVED else record
