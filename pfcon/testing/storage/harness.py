"""The harness through which the storage contract drives one storage."""

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
"""What a job needs besides its data; a harness adds where these are."""


@dataclass(frozen=True)
class StorageCapabilities(Abilities):
    """The abilities of a storage. One that it lacks has a text that says why, which its skipped tests show."""

    copies: str = ""  # inputs are copied into the job's own directory
    links: str = ""  # ChRIS links among the inputs are expanded


class StorageHarness(ABC):
    """One storage under test, which has one job. Another package derives a class of its own.

    storage: set by ``make``. can: what it lacks. request: that of the last plan.
    """

    storage: Storage
    can = StorageCapabilities()

    def __init__(self, storebase: StoreBase) -> None:
        self.storebase = storebase
        self.request = REQUEST

    @abstractmethod
    def make(self) -> None:
        """Set ``storage`` up, without limits of size."""

    @abstractmethod
    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        """Offer these files as the inputs of ``request``, in a new place, and plan their staging.

        files: content by path below the input directory. linked: files that links among them are about, by path from
        the root of the users' data.
        """

    def plan_again(self) -> StagingPlan:
        """Plan the same request once more, as another process may."""
        return self.storage.plan(self.request, None)

    @abstractmethod
    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        """What the storage delivers of the job's outputs, content by path. Raises what ``Storage.outputs`` raises."""

    @abstractmethod
    def destroy(self) -> None:
        """Take away what was set up."""

    @property
    def job(self) -> JobDir:
        """The directory of the job."""
        return self.storebase.job(REQUEST.jid)

    def stage(self, plan: StagingPlan) -> Staged:
        """Stage the job's inputs."""
        return plan.stage(self.job, lambda text: None)

    def make_outputs(self, job: JobDir) -> Path:
        """Have the directory for outputs made; returns where it is."""
        job.path.mkdir(exist_ok=True)
        self.storage.make_outputs(job, self.request, None)
        return self.mounted(job, OUTGOING)

    def mounted(self, job: JobDir, target: PurePosixPath) -> Path:
        """Where on this machine that is which the job sees at a place."""
        mounts = {mount.target: mount for mount in self.storage.mounts(job, self.request)}
        return self.storebase.root / mounts[target].source
