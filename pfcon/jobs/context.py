"""The objects that all steps of a job's life use."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pfcon.compute.base import ComputeEngine
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.signing import Signer
from pfcon.jobs.environments import Environments
from pfcon.jobs.logs.store import LogStore
from pfcon.models import JobKind
from pfcon.paths import StoreBase
from pfcon.records import NO_LIMITS, Journal, request_id
from pfcon.records.in_use import RecordsInUse
from pfcon.settings.jobs import NO_RETENTION, ActiveLimits, RetentionSettings
from pfcon.storage.base import Storage
from pfcon.storage.credentials import Credentials
from pfcon.storage.settings import StorageSettings

if TYPE_CHECKING:  # the modules of kinds import this one; it needs only their type
    from pfcon.jobs.kinds.base import Kind

__all__ = ["JobContext", "request_id"]


@dataclass(frozen=True)
class JobContext:
    """The service's storage, journal, storeBase and engines, and the options of jobs.

    kinds: what is specific to each kind of job. engine: of plugin jobs. operations: the engine of copy, upload and
    delete jobs; the same, or one beside the service. limits: of active plugin jobs. retention: how long ended jobs
    are kept. former_operations: an engine that may still run operations that were started with another PFCON_OP_IMAGE.
    credentials: of the storage, for operations. processes: the number of this service's processes.
    """

    options: ComputeSettings
    storage_settings: StorageSettings
    storebase: StoreBase
    kinds: Mapping[JobKind, "Kind"]
    journal: Journal
    storage: Storage
    engine: ComputeEngine
    operations: ComputeEngine
    cancel_active: bool
    limits: ActiveLimits = NO_LIMITS
    retention: RetentionSettings = NO_RETENTION
    former_operations: ComputeEngine | None = None
    credentials: Credentials | None = None
    processes: int = 1

    @cached_property
    def environments(self) -> Environments:
        """The files with the environments of jobs that their engine does not have yet."""
        return Environments(self.storebase)

    @cached_property
    def log_store(self) -> LogStore:
        """The copies of logs."""
        return LogStore(self.storebase)

    @cached_property
    def records_in_use(self) -> RecordsInUse:
        """The note in storeBase that says which records its service uses."""
        return RecordsInUse(self.storebase, self.journal.database)

    @cached_property
    def signer(self) -> Signer:
        """Signs the jobs of this storeBase."""
        return Signer(self.storebase)

    def engine_of(self, kind: JobKind) -> ComputeEngine:
        """Return the engine that runs jobs of a kind."""
        return self.kinds[kind].engine(self)
