"""JobService: all that the HTTP interfaces, and whoever comes beside them, do with jobs."""

import logging
import time
from dataclasses import replace
from pathlib import PurePosixPath

from pfcon import __version__
from pfcon.errors import Absent, Foreign, InvalidFields, StorageFull, Unreachable
from pfcon.files.unreadable import is_told
from pfcon.jobs import deletion, trash
from pfcon.jobs.claiming import Claimer
from pfcon.jobs.copies import Copies
from pfcon.jobs.deletion import Deleter, Deletions
from pfcon.jobs.ownership import any_of_ours, in_the_way, was_ours
from pfcon.jobs.parts import Parts
from pfcon.jobs.places import PlaceKeeper
from pfcon.jobs.recovery import Recovery
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.submission import Submission, Submitter
from pfcon.jobs.uploads import Uploads
from pfcon.jobs.watching import Watcher
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobRequest, Resources, UploadRequest
from pfcon.records import Phase, Record
from pfcon.storage.base import Outputs, Upload, ZipOutputs

log = logging.getLogger(__name__)

REMOVAL_WAIT = 120.0  # seconds that a repeated DELETE waits for the first one
NOTES_IN_MESSAGE = 3


class JobService:
    """Submit, look at, fetch and remove jobs. One object serves all threads of a process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._remover = Remover(parts)
        self._scheduler = Scheduler(parts, self._remover)
        deleter = Deleter(parts, self._scheduler)
        self._recovery = Recovery(parts, self._scheduler, self._remover, deleter)
        keeper = PlaceKeeper(parts, self._scheduler, self._recovery.recover)
        self._claimer = Claimer(parts, self._recovery.recover, keeper)
        self._copies = Copies(parts, self._scheduler, self._remover, self._claimer)
        self._uploads = Uploads(parts, self._scheduler, self._remover, self._claimer)
        self._submitter = Submitter(
            parts, self._scheduler, self._remover, self._claimer, copies=self._copies, uploads=self._uploads
        )
        self._watcher = Watcher(parts, self._scheduler)
        self._deletions = Deletions(parts, self._scheduler, deleter, self._claimer)

    @property
    def takes_upload(self) -> bool:
        """Whether a ``POST`` carries a zip with the inputs."""
        return self._parts.storage.takes_upload

    def server_info(self) -> dict[str, str | bool]:
        """What clients of the synchronous interface are told of this server."""
        return {
            "server_version": __version__,
            "pfcon_innetwork": self._parts.storage.innetwork,
            "storage_env": self._parts.storage.name,
            "container_env": self._parts.options.engine,
            "compute_volume_type": self._parts.options.volume_type,
            **self._parts.storage.told,
        }

    def staged_server_info(self) -> dict[str, str | bool]:
        """What clients of the staged interface are told of this server."""
        return {
            **self.server_info(),
            "requires_copy_job": self._parts.storage.requires_copy_job,
            "requires_upload_job": self._parts.storage.requires_upload_job,
        }

    def submit(self, request: JobRequest, upload: Upload | None) -> Submission:
        """A plugin job whose inputs are staged first. See Submitter.submit."""
        return self._submitter.submit(request, upload)

    def submit_plugin(self, request: JobRequest, upload: Upload | None) -> Submission:
        """A plugin job on the inputs that a copy job has staged, where the storage wants one."""
        if self._parts.storage.requires_copy_job:
            return self._submitter.submit_copied(request)
        return self._submitter.submit(request, upload)

    def submit_copy(self, request: CopyRequest) -> JobInfo:
        """A copy job. See Copies.submit."""
        return self._copies.submit(request)

    def submit_upload(self, request: UploadRequest) -> JobInfo:
        """An upload job. See Uploads.submit."""
        return self._uploads.submit(request)

    def submit_delete(self, jid: JobId, limits: Resources) -> JobInfo:
        """A delete job. See Deletions.submit."""
        return self._deletions.submit(jid, limits)

    def status(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """What is known of a job now, and the last lines of its log.

        Raises Absent when there is no such job, Foreign when another service has one of that name, and this one never
        had; Unreachable when that can't be told now.
        """
        if kind is JobKind.DELETE and deletion.waiting(jid) in self._remover.unwritten:
            return deletion.deleted(jid), ""
        record = self._journal_get(jid, kind)
        if record is None:
            return self._unrecorded(jid, kind)
        if record.phase is not Phase.SCHEDULED:
            return _with_notes(record, record.info, record.logs)
        info, logs = self._scheduler.look(record)
        if info.status.final:
            record = self._parts.journal.get(jid, kind) or record  # with the notes that its end has brought
        return _with_notes(record, info, logs)

    def _unrecorded(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """A job of a service whose records are lost, perhaps."""
        name = kind.engine_name(jid)
        try:
            engine, ours = self._parts.engine_of(kind), any_of_ours(self._parts, name)
            return engine.info(name, ours), engine.logs(name, self._parts.options.logs_tail, ours)
        except Absent as found:
            if isinstance(found, Foreign) and not was_ours(self._parts, jid, kind):
                raise in_the_way(self._parts, name, found) from None
            raise Absent(f"there is no {kind.value} job {jid}") from None

    def outputs(self, jid: JobId, job_output_path: str | None) -> Outputs:
        """The job's output files.

        Raises Absent when there is no directory for them, Refused for a foreign one, Conflict when some can't be read.
        """
        if self._parts.storage.in_storebase and job_output_path:
            self._require_own(jid, job_output_path)
        outputs = self._parts.storage.outputs(self._parts.storebase.job(jid), job_output_path)
        self._require_readable(jid, job_output_path, outputs)
        return outputs

    def _require_readable(self, jid: JobId, job_output_path: str | None, outputs: Outputs) -> None:
        """Look again where the job's end has told of outputs that can't be read: somebody may have changed that."""
        try:
            record = self._parts.journal.get(jid, JobKind.PLUGIN)
        except Unreachable:  # outputs can be had without records
            return
        if record is not None and any(map(is_told, record.notes)):
            files = isinstance(outputs, ZipOutputs)
            job = self._parts.storebase.job(jid)
            self._parts.storage.find_unreadable(job, job_output_path, files=files).require_none()

    def deliver(self, jid: JobId, job_output_path: str) -> None:
        """Bring the job's outputs to where they belong, within this call, where the storage wants that.

        Raises Absent when there is no such job, Conflict while it runs, and what ``Storage.deliver`` raises.
        """
        if not self._parts.storage.requires_upload_job:
            return
        record = self._journal_get(jid, JobKind.PLUGIN)
        if record is None:
            raise Absent(f"there is no job {jid}")
        self._uploads.require_ended(jid, record)
        self._parts.storage.deliver(self._parts.storebase.job(jid), job_output_path, lambda _: None)

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
        """Stop a job if it runs, and remove it; each step is repeatable.

        Raises Absent when neither the records nor the engine know the job, Foreign as ``status`` does, Unreachable when
        the engine does not answer: then the removal goes on by itself later.
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
        self._parts.journal.renew_lease()
        trash.sweep(self._parts.storebase)

    def renew_lease(self) -> None:
        """What a process does every few seconds: say that it lives. Nothing slow may keep it from that."""
        self._parts.journal.renew_lease()

    def recover(self) -> None:
        """What a process does every few seconds: go on with the jobs of those that live no more."""
        self._recovery.recover_all()

    def watch(self) -> None:
        """What a process does a few times a minute: look at jobs that nobody asks for, and empty the trash."""
        trash.retry()
        self._watcher.look()

    def stop(self) -> None:
        """What a process does at its end: leave what it could not finish to the others."""
        self._parts.journal.end_lease()

    def _journal_get(self, jid: JobId, kind: JobKind) -> Record | None:
        """The record of a job that is not removed; one whose owner died is brought to rest first."""
        record = self._parts.journal.get(jid, kind)
        if record is None or record.claim in self._remover.unwritten:
            return None
        if record.interrupted:
            try:
                self._recovery.recover(record)
            except StorageFull as error:
                log.warning("job %s: can't go on with it yet: %s", jid, error)
            record = self._parts.journal.get(jid, kind)
        return None if record is None or record.phase is Phase.REMOVED else record


def _with_notes(record: Record, info: JobInfo, logs: str) -> tuple[JobInfo, str]:
    """What was left out of the inputs belongs before a user's eyes: in the message, and on top of a plugin's log.

    A copy job's own log tells it already.
    """
    if not record.notes:
        return info, logs
    told = [info.message, *record.notes[:NOTES_IN_MESSAGE]] if info.message else record.notes[:NOTES_IN_MESSAGE]
    if len(record.notes) > NOTES_IN_MESSAGE:
        told = [*told, f"and {len(record.notes) - NOTES_IN_MESSAGE} more notes in the log"]
    head = "".join(f"pfcon: {note}\n" for note in record.notes) if record.kind is JobKind.PLUGIN else ""
    return replace(info, message="; ".join(told)), head + logs
