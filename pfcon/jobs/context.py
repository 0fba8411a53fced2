"""What the steps of a job's life work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pfcon.archive.limits import UploadLimits
from pfcon.compute.base import ComputeEngine
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.signing import Signer
from pfcon.jobs.environments import Environments
from pfcon.models import JobKind
from pfcon.paths import StoreBase
from pfcon.records import Journal, request_id
from pfcon.storage.base import Storage

if TYPE_CHECKING:  # kinds work with a context, and it with their type alone
    from pfcon.jobs.kinds.base import Kind

__all__ = ["JobContext", "request_id"]


@dataclass(frozen=True)
class JobContext:
    """The service's one storage, journal and storeBase, its engines, and the options of jobs.

    ``kinds`` says what is particular to a kind of job.
    ``operations`` is the engine of copy, upload and delete jobs: that of the plugin jobs, or one beside the service.
    ``former_operations`` may still run some that were begun under another PFCON_OP_IMAGE.
    """

    options: ComputeSettings
    limits: UploadLimits
    storebase: StoreBase
    kinds: Mapping[JobKind, "Kind"]
    journal: Journal
    storage: Storage
    engine: ComputeEngine
    operations: ComputeEngine
    cancel_active: bool
    former_operations: ComputeEngine | None = None

    @cached_property
    def environments(self) -> Environments:
        """Where environments of jobs wait for their engine."""
        return Environments(self.storebase)

    @cached_property
    def signer(self) -> Signer:
        """What marks the jobs of this storeBase."""
        return Signer(self.storebase)

    def engine_of(self, kind: JobKind) -> ComputeEngine:
        """The engine that runs jobs of a kind."""
        return self.kinds[kind].engine(self)
