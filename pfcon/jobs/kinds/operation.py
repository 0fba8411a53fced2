"""The base class of copy, upload and delete jobs: pfcon's own programs, which report their progress in a file."""

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
        """See Kind: the engine of operations."""
        return context.operations

    def former_engine(self, context: JobContext) -> ComputeEngine | None:
        """See Kind: the engine that operations have with another PFCON_OP_IMAGE."""
        return context.former_operations

    def secrets(self, context: JobContext) -> tuple[str, ...]:
        """See Kind: the storage's credentials."""
        return (context.credentials.name,) if context.credentials else ()

    def end_staging(self, context: JobContext, record: Record) -> JobStatus:
        """See Kind. Returns UNDEFINED: ChRIS posts an undefined operation again; after a failed one, the run fails."""
        return JobStatus.UNDEFINED

    def present(self, context: JobContext, record: Record, info: JobInfo) -> JobInfo:
        """See Kind: with the progress that the operation reports, and the number of its run."""
        if info.status.final:
            return info
        progress = read_progress(context.storebase.job(record.jid), record.kind)
        message = progress.message if progress else info.message
        return replace(info, message=with_run(record.spec, message) if record.spec else message)

    def sizes(self, progress: Progress) -> dict[str, int]:
        """Return the columns of a record for the sizes of what a successful operation has moved."""
        return {}

    def is_interrupted(self, context: JobContext, record: Record, info: JobInfo) -> bool:
        """See Kind: whether the engine ended the operation before the operation could report its own failure."""
        if info.status is not JobStatus.FAILED or not info.interrupted:
            return False
        progress = read_progress(context.storebase.job(record.jid), record.kind)
        return progress is None or not progress.failed

    def conclude(self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo) -> Conclusion:
        """See Kind: as the operation reports; for one that has succeeded, see ``conclude_success``.

        The code is that of the engine unless the operation reports its failure itself: its exit code says less.
        """
        progress = read_progress(context.storebase.job(record.jid), record.kind)
        if info.status is JobStatus.SUCCEEDED:
            return self.conclude_success(context, record, spec, info, progress)
        if progress is None or not progress.failed:
            return Conclusion(info)
        return Conclusion(replace(info, message=progress.message, reason=progress.reason))

    def conclude_success(
        self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo, progress: Progress | None
    ) -> Conclusion:
        """Return the final state of an operation that has succeeded. progress: its last report; None if unreadable."""
        if progress is None:
            return Conclusion(info)
        values: dict[str, str | int] = {"nfiles": progress.nfiles, "notes": "\n".join(progress.notes)}
        values.update(self.sizes(progress))
        return Conclusion(replace(info, message=with_run(spec, progress.message)), values)
