"""What the steps of a job's life ask of its kind."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from pfcon.compute.base import ComputeEngine
from pfcon.jobs.context import JobContext
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.unwritten import Unwritten
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.records import Record


@dataclass(frozen=True)
class Conclusion:
    """The final state of a job. values: what else goes into its record, by column."""

    info: JobInfo
    values: dict[str, str | int] = field(default_factory=dict)


class Kind(ABC):
    """A kind of job. Has no state. A hook that is not abstract does nothing unless a kind has something to do there."""

    job_kind: ClassVar[JobKind]
    notes_in_log: ClassVar[bool] = False
    """Whether pfcon shows a record's notes on top of the job's log, which does not hold them itself."""

    @abstractmethod
    def engine(self, context: JobContext) -> ComputeEngine:
        """The engine that runs jobs of this kind."""

    def former_engine(self, context: JobContext) -> ComputeEngine | None:
        """The engine that may still run jobs which an earlier configuration began; None when there is no such one."""
        return None

    def secrets(self, context: JobContext) -> tuple[str, ...]:
        """Names of the secrets that its program needs: see ``Storage.secrets``."""
        return ()

    def reads_storebase(self, context: JobContext) -> bool:
        """Whether its program reads all of storeBase, rather than its job's directory alone."""
        return False

    @abstractmethod
    def end_staging(self, context: JobContext, record: Record) -> JobStatus:
        """Clean up after a service that died in STAGING. Returns the job's final status. Raises OSError."""

    def resume(self, context: JobContext, scheduler: Scheduler, record: Record) -> bool:
        """Continue a job in SCHEDULING whose service process died, in the background.

        Returns False when all that remains is to schedule the job on its engine: the caller does that.
        """
        return False

    def present(self, context: JobContext, record: Record, info: JobInfo) -> JobInfo:
        """What users see of a job that has not ended. info: what its engine says."""
        return info

    def is_interrupted(self, context: JobContext, record: Record, info: JobInfo) -> bool:
        """Whether a job is to run again, because it was killed before it could report how it ended."""
        return False

    @abstractmethod
    def conclude(self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo) -> Conclusion:
        """The end of a job, from what its engine says and what it left. Idempotent."""

    def after_removal(self, context: JobContext, jid: JobId, spec: JobSpec) -> None:
        """Clean up after a job that was removed from its engine before its end was seen. Idempotent."""
        return

    def unwritten_end(self, jid: JobId, unwritten: Unwritten) -> JobInfo | None:
        """The end of a job that storeBase had no room to record yet; None when there is no such end."""
        return None
