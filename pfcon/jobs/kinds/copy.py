"""Copy jobs: fetching a job's inputs in the background."""

from dataclasses import replace

from pfcon.errors import Absent, Conflict
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds.base import Conclusion
from pfcon.jobs.kinds.digests import copy_digest
from pfcon.jobs.kinds.operation import Operation
from pfcon.jobs.kinds.submitter import Submitter
from pfcon.jobs.trash import delete_data
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.orders import CopyOrder, write_order
from pfcon.progress import Progress
from pfcon.reasons import Reason
from pfcon.records import Claimed, Phase, Record

COPY_SKIPPED = "copySkipped"
_CAN_PASS = ("", Reason.STORE_UNREACHABLE, Reason.INTERRUPTED, Reason.DISK_FULL, Reason.END_UNKNOWN)


class CopyKind(Operation):
    """Copy jobs."""

    job_kind = JobKind.COPY

    def reads_storebase(self, context: JobContext) -> bool:
        """See Kind. True if the users' files that it copies are in storeBase."""
        return context.storage.in_storebase

    def sizes(self, progress: Progress) -> dict[str, int]:
        """See Operation: bytes of inputs."""
        return {"bytes_in": progress.nbytes}

    def conclude_success(
        self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo, progress: Progress | None
    ) -> Conclusion:
        """See Operation. The job has failed if its inputs are missing now."""
        if context.storebase.job(record.jid).is_staged():
            return super().conclude_success(context, record, spec, info, progress)
        lost = "the copy job succeeded, but its inputs no longer exist; run it again"
        return Conclusion(replace(info, status=JobStatus.FAILED, message=lost))


class CopySubmitter(Submitter):
    """Claims and schedules copy jobs, and checks whether one has succeeded."""

    def submit(self, request: CopyRequest) -> JobInfo:
        """Start copying, unless the same copy is in progress or done. Raises Refused, Conflict, Unreachable."""
        if not self._context.storage.requires_copy_job:
            return self._claimer.skip(request.jid, JobKind.COPY, COPY_SKIPPED).info
        self._context.storage.plan(request, None)
        digest = copy_digest(request)
        self._delete_stale_record(request.jid)
        with self._claimer.claimed_operation(request, JobKind.COPY, digest, "about to copy the inputs") as claimed:
            if isinstance(claimed, Record):
                return self._scheduler.states.present(claimed)
            with self._remover.rolling_back(claimed.record, with_data=False):  # a later attempt resumes the copy
                self._delete_earlier(claimed)
                self._write_order(request)
                return self._scheduler.begin(claimed.record)

    def _delete_stale_record(self, jid: JobId) -> None:
        """Delete the record of a copy job that succeeded, but whose data were deleted."""
        record = self._journal.get(jid, JobKind.COPY)
        if record is None or record.phase is not Phase.FINAL or record.status.failed:
            return
        if not self._context.storebase.job(jid).exists():
            self._remover.delete_record(record)

    def _delete_earlier(self, claimed: Claimed) -> None:
        """Keep the files that an earlier attempt of the same request has copied; delete other data of the jid."""
        jid = claimed.record.jid
        plugin = self._journal.get(jid, JobKind.PLUGIN)
        if plugin is not None and plugin.phase not in (Phase.FINAL, Phase.REMOVED):
            raise Conflict(f"the plugin job of {jid} already exists; delete it before its inputs are copied again")
        self._remover.require_not_foreign(claimed)  # else this job's remains could not be deleted later
        job = self._context.storebase.job(jid)
        another = claimed.previous is None or claimed.previous.request != claimed.record.request
        self._remover.remove_earlier(claimed)
        if another or not job.exists():
            delete_data(job)

    def _write_order(self, request: CopyRequest) -> None:
        storage = self._context.storage_settings
        job = self._context.storebase.job(request.jid)
        job.make()
        free = storage.limits.free_bytes
        write_order(job, CopyOrder(storage.name, storage.create, request.input_dirs, request.output_dir, free))

    def require_done(self, name: JobId, record: Record | None) -> Record:
        """Return the record of a copy job that succeeded. Raises Conflict, with the reason, if it did not; Absent."""
        if record is None or record.phase in (Phase.REMOVING, Phase.REMOVED):
            raise Conflict(f"the plugin job {name} needs a copy job first; there is none with this jid")
        info = self._scheduler.states.present(record)
        if not info.status.final:
            raise Conflict(f"the copy job of {name} has not ended yet: {info.message or info.status}")
        if info.status.failed:
            advice = "; run it again" if info.reason in _CAN_PASS else ""
            raise Conflict(f"the copy job of {name} failed: {info.message}{advice}")
        if not self._context.storebase.job(record.jid).is_staged():
            raise Conflict(
                f"the inputs that the copy job of {name} staged no longer exist; delete the copy job and run it again"
            )
        current = self._journal.get(record.jid, JobKind.COPY)  # ``present`` may have updated it
        if current is None:
            raise Absent(f"the copy job of {name} was removed")
        return current
