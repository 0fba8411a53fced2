"""JobService: everything that the HTTP interfaces and the server's background threads do with jobs."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from pfcon.errors import Absent, InvalidFields, Unreachable
from pfcon.files.unreadable import is_unreadable_note
from pfcon.jobs import trash
from pfcon.jobs.cancelling import ClientCancellation
from pfcon.jobs.claiming import Claimer
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds.copy import CopySubmitter
from pfcon.jobs.kinds.delete import DeleteSubmitter
from pfcon.jobs.kinds.plugin import PluginSubmitter, Submission
from pfcon.jobs.kinds.upload import UploadSubmitter
from pfcon.jobs.logs.service import JobLogs
from pfcon.jobs.measuring import make_collector
from pfcon.jobs.output_files import OutputFiles, output_files
from pfcon.jobs.places import PlaceKeeper
from pfcon.jobs.readiness import PartState, make_readiness, traffic_states
from pfcon.jobs.recovery import Recovery
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import Retention
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.server_info import ServerInfo, StagedServerInfo, server_info, staged_server_info
from pfcon.jobs.status import StatusReader
from pfcon.jobs.watching.engine_watch import EngineWatch
from pfcon.jobs.watching.freshness import Freshness
from pfcon.jobs.watching.watch import Watch
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobRequest, Resources, UploadRequest
from pfcon.polling import polls
from pfcon.records import Entry, Listing, Page, Phase, Query
from pfcon.records.overview import Count, count_jobs
from pfcon.storage.base import Outputs, Upload, ZipOutputs

log = logging.getLogger(__name__)

REMOVAL_WAIT = 120.0  # seconds; longest wait of a repeated DELETE for the first one
REMOVAL_POLL = 0.05  # seconds


class JobService:
    """Submits, reports and removes jobs, and returns their outputs. Thread-safe: one object serves a process."""

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
        freshness = Freshness()
        states = self._scheduler.states
        self._watch = Watch(context, states, freshness)
        self._readiness = make_readiness(context, self._watch)
        self.collector = make_collector(context, self._watch, self._readiness)
        self._statuses = StatusReader(context, states, self._recovery, self._remover.pending_writes, freshness)
        self._retention = Retention(context, self._remover)
        self._cancellation = ClientCancellation(context, self._scheduler, self._recovery.recover)
        self._deletes = DeleteSubmitter(context, self._scheduler, self._claimer)
        self._listing = Listing(context.journal.database)
        self.logs = JobLogs(context)

    @property
    def takes_upload(self) -> bool:
        """Whether a ``POST`` contains a zip with the inputs."""
        return self._context.storage.takes_upload

    def readiness(self) -> dict[str, PartState]:
        """Return for each part of the service whether it works now. See Readiness.states."""
        return self._readiness.states()

    def traffic_readiness(self) -> tuple[dict[str, PartState], bool]:
        """Return whether this process should get requests, with the parts that say so. See traffic_states."""
        return traffic_states(self._readiness)

    def server_info(self) -> ServerInfo:
        """Return the server information for clients of the synchronous interface."""
        return server_info(self._context)

    def staged_server_info(self) -> StagedServerInfo:
        """Return the server information for clients of the staged interface."""
        return staged_server_info(self._context)

    def submit(self, request: JobRequest, upload: Upload | None) -> Submission:
        """Submit a plugin job whose inputs are staged first. See PluginSubmitter.submit."""
        return self._plugins.submit(request, upload)

    def submit_plugin(self, request: JobRequest, upload: Upload | None) -> Submission:
        """Submit a plugin job on the inputs that a copy job has staged, if the storage requires copy jobs."""
        if self._context.storage.requires_copy_job:
            return self._plugins.submit_copied(request)
        return self._plugins.submit(request, upload)

    def submit_copy(self, request: CopyRequest) -> JobInfo:
        """Submit a copy job. See CopySubmitter.submit."""
        return self._copies.submit(request)

    def submit_upload(self, request: UploadRequest) -> JobInfo:
        """Submit an upload job. See UploadSubmitter.submit."""
        return self._uploads.submit(request)

    def submit_delete(self, jid: JobId, limits: Resources) -> JobInfo:
        """Submit a delete job. See DeleteSubmitter.submit."""
        return self._deletes.submit(jid, limits)

    def status(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """Return the state of a job, and the last lines of its log. See StatusReader.status."""
        return self._statuses.status(jid, kind)

    def records(self, query: Query) -> Page:
        """Return a page of the records as they are: no engine is asked. Also a page before the end may be short.

        Raises Unreachable if the records do not answer.
        """
        page = self._listing.page(query)
        return replace(page, entries=self._not_removed(page.entries))

    def records_of(self, jid: JobId) -> tuple[Entry, ...]:
        """Return the records of all kinds of a jid, newest first. Raises Absent without any, Unreachable."""
        if not (entries := self._not_removed(self._listing.of_job(jid))):
            raise Absent(f"there is no record of a job {jid}")
        return entries

    def counts(self) -> tuple[Count, ...]:
        """Return how many jobs are recorded, but for removed ones. Raises Unreachable."""
        return count_jobs(self._context.journal.database.engine)

    def _not_removed(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Leave out jobs whose removal this process could not record yet."""
        return tuple(entry for entry in entries if entry.claim not in self._remover.pending_writes)

    def outputs(self, jid: JobId, job_output_path: str | None) -> Outputs:
        """Return the job's output files.

        Raises Absent if their directory is missing, Refused if it is another job's, Conflict if some can't be read.
        """
        if self._context.storage.in_storebase and job_output_path:
            self._require_own(jid, job_output_path)
        job = self._context.storebase.job(jid)
        if not self._context.storage.in_storebase and not job.exists():
            raise Absent(f"there is no job {jid}")
        outputs = self._context.storage.outputs(job, job_output_path)
        self._require_readable(jid, job_output_path, outputs)
        return outputs

    def output_files(self, jid: JobId) -> OutputFiles:
        """Return the names and sizes of a job's output files, also while it runs. See ``output_files``."""
        return output_files(self._context, jid, self._statuses.record(jid, JobKind.PLUGIN))

    def _require_readable(self, jid: JobId, job_output_path: str | None, outputs: Outputs) -> None:
        """Raise Conflict if outputs that the job's notes report as unreadable still are: modes may have changed."""
        try:
            record = self._context.journal.get(jid, JobKind.PLUGIN)
        except Unreachable:  # outputs are available without records
            return
        if record is not None and any(map(is_unreadable_note, record.notes)):
            files = isinstance(outputs, ZipOutputs)
            job = self._context.storebase.job(jid)
            self._context.storage.find_unreadable(job, job_output_path, files=files).require_none()

    def deliver(self, jid: JobId, job_output_path: str) -> None:
        """Send the job's outputs to users' data, within this call, if the storage requires that.

        Raises Absent for an unknown job, Conflict while it runs, and what ``Storage.deliver`` raises.
        """
        if not self._context.storage.requires_upload_job:
            return
        record = self._statuses.record(jid, JobKind.PLUGIN)
        if record is None:
            raise Absent(f"there is no job {jid}")
        self._uploads.require_ended(jid, record)
        self._context.storage.deliver(self._context.storebase.job(jid), job_output_path, lambda _: None)

    def _require_own(self, jid: JobId, job_output_path: str) -> None:
        """Raise InvalidFields unless the path is at or below the output directory of the job's request; Absent."""
        record = self._statuses.record(jid, JobKind.PLUGIN)
        outputs = record.spec.outputs if record and record.spec else None
        if outputs is None:
            raise Absent(f"there is no job {jid}")
        asked = PurePosixPath(job_output_path.strip("/"))
        if ".." in asked.parts or not asked.is_relative_to(outputs):
            raise InvalidFields({"job_output_path": f"must be the output directory of job {jid}, got {asked}"})

    def remove(self, jid: JobId, kind: JobKind, *, with_data: bool) -> None:
        """Stop a job if it runs, and remove it. Idempotent.

        Raises Absent if neither the records nor the engine know the job, Foreign as ``status`` does, Unreachable if the
        engine does not answer: then the removal is completed in the background later.
        """
        for number in polls(REMOVAL_WAIT, REMOVAL_POLL):
            record = self._statuses.record(jid, kind)
            if record is None:
                if number == 0:
                    self._remover.remove_unrecorded(jid, kind, with_data=with_data)
                return
            mine = record.phase is not Phase.REMOVING or record.interrupted  # else another request removes it
            if mine and self._remover.remove(record, with_data=with_data):
                return
        raise Unreachable(f"job {jid} is still being removed")

    def cancel(self, jid: JobId, kind: JobKind) -> tuple[JobInfo, str]:
        """Cancel a job: it ends soon after with the reason CANCELLED; its record, log and outputs are kept.

        Returns what ``status`` returns. Idempotent; no-op for a job that has ended. Raises what ``status`` raises.
        """
        record = self._context.journal.get(jid, kind)  # not recovered first: that might start the job
        if record is None or record.phase is Phase.REMOVED or record.claim in self._remover.pending_writes:
            self._cancellation.cancel_unrecorded(jid, kind)
        else:
            self._cancellation.cancel(record)
        return self._statuses.status(jid, kind, newest=True)

    def start(self) -> None:
        """Prepare this process to serve. To be called once. Raises OSError, Unreachable."""
        self._context.journal.renew_lease()
        try:
            self._context.records_in_use.update()
        except OSError as error:  # as on a full disk
            log.warning("storeBase can't be told which records are used with it; trying again: %s", error)
        trash.delete_leftovers(self._context.storebase)

    def require_usable_records(self) -> None:
        """Raise NewerSchema while the records can't be used, for a newer release has changed them. Takes no time."""
        self._context.journal.database.require_usable()

    def renew_lease(self) -> None:
        """Record that this process is alive. To be called every few seconds, in a thread that does nothing else."""
        self._context.journal.renew_lease()

    def recover(self) -> None:
        """Recover the jobs of processes that have died. To be called every few seconds."""
        self._recovery.recover_all()

    def lead(self) -> None:
        """Take part in the election of the process that watches the jobs. To be called every second."""
        self._watch.lead()

    @property
    def engine_watches(self) -> Sequence[EngineWatch]:
        """One for each engine. Their ``tick`` is to be called every second, each in a thread of its own."""
        return self._watch.engines

    def tidy(self) -> None:
        """Empty the trash; if this process is the leader, remove what is too old, and note the records in use.

        To be called a few times a minute.
        """
        trash.retry()
        self.logs.note_again()
        if self._watch.leads:
            self._retention.run_if_due()
            self._context.records_in_use.update()
            self.logs.tidy()

    def stop(self) -> None:
        """Let other processes take over this one's unfinished jobs immediately. To be called at its end."""
        self._watch.resign()
        self._context.journal.end_lease()
