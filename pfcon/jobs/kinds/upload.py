"""Upload jobs: sending a job's outputs to users' data in the background."""

import hashlib

from pfcon.errors import Conflict
from pfcon.jobs.kinds.operation import Operation
from pfcon.jobs.kinds.submitter import Submitter
from pfcon.models import JobId, JobInfo, JobKind, UploadRequest
from pfcon.orders import UploadOrder, write_order
from pfcon.progress import Progress
from pfcon.records import Phase, Record

UPLOAD_SKIPPED = "uploadSkipped"
_HALF = 32  # hex digits: half of a digest is for the destination of the outputs, half for their plugin job


class UploadKind(Operation):
    """Upload jobs."""

    job_kind = JobKind.UPLOAD

    def sizes(self, progress: Progress) -> dict[str, int]:
        """See Operation: files and bytes of outputs."""
        return {"files_out": progress.nfiles, "bytes_out": progress.nbytes}


class UploadSubmitter(Submitter):
    """Claims and schedules upload jobs, for storages that require them."""

    def submit(self, request: UploadRequest) -> JobInfo:
        """Start uploading, unless the same upload is in progress or done. Raises Conflict, Unreachable."""
        if not self._context.storage.requires_upload_job:
            return self._claimer.skip(request.jid, JobKind.UPLOAD, UPLOAD_SKIPPED).info
        plugin = self.require_ended(request.jid, self._journal.get(request.jid, JobKind.PLUGIN))
        if not self._context.storebase.job(request.jid).has_outputs():
            raise _no_outputs(request.jid)
        digest = upload_digest(request, plugin)
        self._delete_earlier_record(request.jid, digest)
        with self._claimer.claimed_operation(request, JobKind.UPLOAD, digest, "about to upload the outputs") as claimed:
            if isinstance(claimed, Record):
                return self._scheduler.states.present(claimed)
            try:
                with self._remover.rolling_back(claimed.record, with_data=False):  # a later attempt resumes the upload
                    self._require_same(plugin)
                    self._remover.remove_earlier(claimed)
                    self._write_order(request)
                    return self._scheduler.begin(claimed.record)
            except FileNotFoundError:
                raise _no_outputs(request.jid) from None

    def _require_same(self, plugin: Record) -> None:
        """Raise Conflict if the plugin job has been replaced or removed since it was read."""
        current = self._journal.get(plugin.jid, JobKind.PLUGIN)
        if current is None or current.claim != plugin.claim or current.phase in (Phase.REMOVING, Phase.REMOVED):
            raise Conflict(f"the plugin job of {plugin.jid} was just replaced or removed")

    def _write_order(self, request: UploadRequest) -> None:
        storage = self._context.storage_settings
        order = UploadOrder(storage.name, storage.create, str(request.job_output_path))
        write_order(self._context.storebase.job(request.jid), order)

    def require_ended(self, jid: JobId, plugin: Record | None) -> Record:
        """Return the record of a plugin job that has ended. Raises Conflict, with the reason, if not; Unreachable."""
        if plugin is None or plugin.phase in (Phase.REMOVING, Phase.REMOVED):
            raise Conflict(f"the outputs of {jid} need a plugin job first; there is none with this jid")
        info = self._scheduler.states.refresh(plugin)[0] if plugin.phase is Phase.SCHEDULED else plugin.info
        if not info.status.ended:
            raise Conflict(f"the plugin job of {jid} has not ended yet: {info.message or info.status}")
        return plugin

    def require_none_active(self, jid: JobId) -> None:
        """Raise Conflict while outputs are being uploaded: a plugin job would change them."""
        record = self._journal.get(jid, JobKind.UPLOAD)
        if record is None or record.phase in (Phase.FINAL, Phase.REMOVED):
            return
        if not self._scheduler.states.present(record).status.final:
            raise Conflict(
                f"the outputs of an earlier plugin job {jid} are being uploaded; delete that upload job first"
            )

    def _delete_earlier_record(self, jid: JobId, digest: str) -> None:
        """Delete the record of an upload job that has ended, if its outputs are those of an earlier plugin job."""
        record = self._journal.get(jid, JobKind.UPLOAD)
        if record is None or record.request[_HALF:] == digest[_HALF:]:
            return
        if self._scheduler.states.present(record).status.final:
            self._remover.delete_record(record)


def upload_digest(request: UploadRequest, plugin: Record) -> str:
    """Return a hex digest that identifies an upload: the destination, and the plugin job, by its (unique) claim."""
    halves = (str(request.job_output_path), plugin.claim)
    return "".join(hashlib.sha256(half.encode("utf-8", "surrogatepass")).hexdigest()[:_HALF] for half in halves)


def _no_outputs(jid: JobId) -> Conflict:
    return Conflict(f"there are no outputs of job {jid}: its data were deleted, or it never started")
