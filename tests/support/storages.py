"""How the storage contract makes each storage, offers it inputs, and sees its outputs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from pfcon.archive.limits import UploadLimits
from pfcon.models import OUTGOING, JobId, JobRequest, PluginType
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import ListedOutputs, StagingPlan, Storage, Upload, ZipOutputs
from pfcon.storage.filesystem import FilesystemStorage
from pfcon.storage.fslink import FslinkStorage
from pfcon.storage.in_place import InPlaceStorage
from pfcon.storage.object_store import ObjectStorage
from pfcon.storage.storages import make_storage
from pfcon.storage.zipfile import ZipfileStorage
from support.user_objects import UserObjects, url_of
from support.zips import good_zip, spooled

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


class StorageHarness(ABC):
    """One storage under test. ``request`` is that of the last plan."""

    storage: Storage
    copies = True  # into the job's own directory

    def __init__(self, storebase: StoreBase) -> None:
        self.storebase = storebase
        self.request = REQUEST

    @abstractmethod
    def make(self, limits: UploadLimits) -> None:
        """Set ``storage`` up."""

    @abstractmethod
    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        """Offer these files as inputs, and those that their links are about; plan their staging."""

    @abstractmethod
    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        """What the storage delivers of the job's outputs."""

    def make_outputs(self, job: JobDir) -> Path:
        """Have the directory for outputs made; where it is."""
        job.path.mkdir(exist_ok=True)
        self.storage.make_outputs(job, self.request, None)
        return self.mounted(job, OUTGOING)

    def mounted(self, job: JobDir, target: PurePosixPath) -> Path:
        """What the job sees at a place."""
        mounts = {mount.target: mount for mount in self.storage.mounts(job, self.request)}
        return self.storebase.root / mounts[target].source

    @abstractmethod
    def destroy(self) -> None:
        """Take away what was set up."""


class ZipfileHarness(StorageHarness):
    """Uploads in, a zip out."""

    def make(self, limits: UploadLimits) -> None:
        self.storage = ZipfileStorage(limits)
        self.uploads: list[Upload] = []

    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        return self.plan_zip(good_zip({**files, **(linked or {})}))

    def plan_zip(self, content: bytes) -> StagingPlan:
        """Offer any bytes as an upload."""
        self.uploads.append(spooled(content, str(self.storebase.spool)))
        return self.storage.plan(REQUEST, self.uploads[-1])

    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        found = self.storage.outputs(job, None)
        assert isinstance(found, ZipOutputs)
        with ZipFile(BytesIO(b"".join(found.chunks))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def destroy(self) -> None:
        for upload in self.uploads:
            upload.file.close()


class InPlaceHarness(StorageHarness):
    """A directory of its own for each plan's inputs; outputs in the users' tree."""

    storage: InPlaceStorage
    count = 0

    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        self.count += 1
        inputs = PurePosixPath("home/bob", f"in_{self.count}")
        self.request = replace(REQUEST, input_dirs=(inputs,), output_dir=PurePosixPath("home/out/data"))
        (self.storebase.root / inputs).mkdir(parents=True)
        for path, content in {**{str(inputs / name): data for name, data in files.items()}, **(linked or {})}.items():
            place = self.storebase.root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return self.storage.plan(self.request, None)

    def make_outputs(self, job: JobDir) -> Path:
        if self.request is REQUEST:
            self.plan({})
        return super().make_outputs(job)

    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        found = self.storage.outputs(job, "/home/out//data/")
        assert isinstance(found, ListedOutputs)
        assert found.job_output_path == "/home/out//data/"
        return {path: (self.storebase.root / "home/out/data" / path).read_bytes() for path in found.paths}

    def destroy(self) -> None:
        pass


class FslinkHarness(InPlaceHarness):
    """Copies, links expanded."""

    def make(self, limits: UploadLimits) -> None:
        self.storage = FslinkStorage(self.storebase, limits)


class FilesystemHarness(InPlaceHarness):
    """Inputs in place."""

    copies = False

    def make(self, limits: UploadLimits) -> None:
        self.storage = FilesystemStorage(self.storebase)


class ObjectHarness(StorageHarness):
    """A container of its own; outputs are delivered, and read there."""

    storage: ObjectStorage
    name: str

    def make(self, limits: UploadLimits) -> None:
        self.users = UserObjects(self.name, url_of(self.name), limits=limits)
        self.storage = make_storage(self.users.settings, self.storebase)
        self.count = 0

    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        self.count += 1
        inputs = PurePosixPath("home/bob", f"in_{self.count}")
        output = PurePosixPath("home/out/data")
        self.request = replace(REQUEST, input_dirs=(inputs,) if files else (), output_dir=output)
        self.users.add({**{str(inputs / name): data for name, data in files.items()}, **(linked or {})})
        return self.storage.plan(self.request, None)

    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        path = "/home/out//data/"
        self.storage.deliver(job, path, lambda text: None)
        found = self.storage.outputs(job, path)
        assert isinstance(found, ListedOutputs)
        assert found.job_output_path == path
        delivered = self.users.read("home/out/data/")
        assert sorted(delivered) == sorted(found.paths)
        return delivered

    def destroy(self) -> None:
        pass


class SwiftHarness(ObjectHarness):
    """OpenStack Swift."""

    name = "swift"


class S3Harness(ObjectHarness):
    """S3."""

    name = "s3"


HARNESSES: dict[str, type[StorageHarness]] = {
    "zipfile": ZipfileHarness,
    "filesystem": FilesystemHarness,
    "fslink": FslinkHarness,
    "swift": SwiftHarness,
    "s3": S3Harness,
}
