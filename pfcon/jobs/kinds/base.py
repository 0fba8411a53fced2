"""The interface of a kind of job, as the steps of a job's life use it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from pfcon.compute.base import ComputeEngine
from pfcon.jobs.context import JobContext
from pfcon.jobs.pending_writes import PendingWrites
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.records import Record


@dataclass(frozen=True)
class Conclusion:
    """The final state of a job. values: further values for its record, by column."""

    info: JobInfo
    values: dict[str, str | int] = field(default_factory=dict)


class Kind(ABC):
    """A kind of job. Has no state. Methods that are not abstract do nothing by default."""

    job_kind: ClassVar[JobKind]
    notes_in_log: ClassVar[bool] = False
    """Whether pfcon shows a record's notes above the job's log, which does not contain them itself."""

    @abstractmethod
    def engine(self, context: JobContext) -> ComputeEngine:
        """Return the engine that runs jobs of this kind."""

    def former_engine(self, context: JobContext) -> ComputeEngine | None:
        """Return an engine that may still run jobs of an earlier configuration; None if no such engine exists."""
        return None

    def secrets(self, context: JobContext) -> tuple[str, ...]:
        """Return the names of the secrets that its program needs: see ``Credentials``."""
        return ()

    def reads_storebase(self, context: JobContext) -> bool:
        """Return whether its program reads all of storeBase, not only its job's directory."""
        return False

    @abstractmethod
    def end_staging(self, context: JobContext, record: Record) -> JobStatus:
        """Clean up a job whose service process died in STAGING. Returns the job's final status. Raises OSError."""

    def resume(self, context: JobContext, scheduler: Scheduler, record: Record) -> bool:
        """Continue a job in SCHEDULING whose service process died, in the background.

        Returns False if the caller only has to schedule the job on its engine.
        """
        return False

    def present(self, context: JobContext, record: Record, info: JobInfo) -> JobInfo:
        """Return the state of a job that has not ended, as users see it. info: the state that its engine reports."""
        return info

    def is_interrupted(self, context: JobContext, record: Record, info: JobInfo) -> bool:
        """Return whether a job must run again, because it was killed before it could report its end."""
        return False

    @abstractmethod
    def conclude(self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo) -> Conclusion:
        """Return the final state of a job, from what its engine reports and the files that it wrote. Idempotent."""

    def after_removal(self, context: JobContext, jid: JobId, spec: JobSpec) -> None:
        """Clean up a job that was removed from its engine before its end was recorded. Idempotent."""
        return

    def earlier_logs(self, context: JobContext, record: Record) -> str:
        """Return what the answers about this job show above its log, of other jobs of its jid."""
        return ""

    def pending_end(self, jid: JobId, pending: PendingWrites) -> JobInfo | None:
        """Return the end of a job that a full disk has kept from being recorded; None if no such end is pending."""
        return None
