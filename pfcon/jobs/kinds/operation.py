"""What copy, upload and delete jobs have in common: pfcon's own programs, which report their progress in a file."""

from dataclasses import replace

from pfcon.compute.base import ComputeEngine
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds.base import Conclusion, Kind
from pfcon.jobs.repetition import with_run
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.progress import Progress, read_progress
from pfcon.records import Record


class Operation(Kind):
    """A kind of job that runs ``python -m pfcon.operations``. Operations are idempotent: they can be run again."""

    def engine(self, context: JobContext) -> ComputeEngine:
        """The engine of operations."""
        return context.operations

    def former_engine(self, context: JobContext) -> ComputeEngine | None:
        """The engine of operations under another PFCON_OP_IMAGE."""
        return context.former_operations

    def secrets(self, context: JobContext) -> tuple[str, ...]:
        """Those of the storage."""
        return context.storage.secrets

    def end_staging(self, context: JobContext, record: Record) -> JobStatus:
        """UNDEFINED: ChRIS posts an undefined operation again, and ends the user's run with a failed one."""
        return JobStatus.UNDEFINED

    def present(self, context: JobContext, record: Record, info: JobInfo) -> JobInfo:
        """With the progress that the operation reports, and the number of its run."""
        if info.status.final:
            return info
        progress = read_progress(context.storebase.job(record.jid), record.kind)
        message = progress.message if progress else info.message
        return replace(info, message=with_run(record.spec, message) if record.spec else message)

    def is_interrupted(self, context: JobContext, record: Record, info: JobInfo) -> bool:
        """Whether the engine ended the operation before that could report its own failure."""
        if info.status is not JobStatus.FAILED or not info.interrupted:
            return False
        progress = read_progress(context.storebase.job(record.jid), record.kind)
        return progress is None or not progress.failed

    def conclude(self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo) -> Conclusion:
        """The end that the operation reports; for one that has not failed, see ``conclude_success``."""
        progress = read_progress(context.storebase.job(record.jid), record.kind)
        if info.status is JobStatus.SUCCEEDED:
            return self.conclude_success(context, record, spec, info, progress)
        reported = progress is not None and progress.failed
        return Conclusion(replace(info, message=progress.message) if progress and reported else info)

    def conclude_success(
        self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo, progress: Progress | None
    ) -> Conclusion:
        """The end of an operation that has ended well. progress: its last report, None when it can't be read."""
        if progress is None:
            return Conclusion(info)
        values: dict[str, str | int] = {"nfiles": progress.nfiles, "notes": "\n".join(progress.notes)}
        return Conclusion(replace(info, message=with_run(spec, progress.message)), values)
