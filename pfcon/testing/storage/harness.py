"""The harness with which the storage contract tests one storage."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfcon.models import OUTGOING, JobId, JobRequest, PluginType
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Staged, StagingPlan, Storage
from pfcon.testing.abilities import Abilities

REQUEST = JobRequest(
    jid=JobId("jid-1"),
    image="image",
    entrypoint=("run",),
    type=PluginType.DS,
    auid="chris",
    number_of_workers=1,
    cpu_limit=1000,
    memory_limit=300,
    gpu_limit=0,
)
"""A request without the paths of its data, which a harness adds."""


@dataclass(frozen=True)
class StorageCapabilities(Abilities):
    """The abilities of a storage. A missing ability has a text with the reason, which skipped tests show."""

    copies: str = ""  # inputs are copied into the job's own directory
    links: str = ""  # ChRIS links among the inputs are expanded


class StorageHarness(ABC):
    """A storage under test with one job. Other packages derive a class from it.

    storage: set by ``make``. can: which abilities it has. request: the one of the last plan.
    """

    storage: Storage
    can = StorageCapabilities()

    def __init__(self, storebase: StoreBase) -> None:
        self.storebase = storebase
        self.request = REQUEST

    @abstractmethod
    def make(self) -> None:
        """Create ``storage``, without limits of size."""

    @abstractmethod
    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        """Provide these files as the inputs of ``request``, at a new path, and plan their staging.

        files: content by path below the input directory. linked: content of targets of links, by path relative to
        the root of the users' data.
        """

    def plan_again(self) -> StagingPlan:
        """Plan the same request again, as another process may."""
        return self.storage.plan(self.request, None)

    @abstractmethod
    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        """Return the content of the job's outputs in the storage, by path. Raises what ``Storage.outputs`` raises."""

    @abstractmethod
    def destroy(self) -> None:
        """Remove what ``make`` has created."""

    @property
    def job(self) -> JobDir:
        """The directory of the job."""
        return self.storebase.job(REQUEST.jid)

    def stage(self, plan: StagingPlan) -> Staged:
        """Stage the job's inputs."""
        return plan.stage(self.job, lambda text: None)

    def make_outputs(self, job: JobDir) -> Path:
        """Create the directory for outputs with the storage; return its path on this host."""
        job.path.mkdir(exist_ok=True)
        self.storage.make_outputs(job, self.request, None)
        return self.mounted(job, OUTGOING)

    def mounted(self, job: JobDir, target: PurePosixPath) -> Path:
        """Return the path on this host of what is mounted at ``target`` in the job."""
        mounts = {mount.target: mount for mount in self.storage.mounts(job, self.request)}
        return self.storebase.root / mounts[target].source
