"""How the storage contract makes each storage, offers it inputs, and sees its outputs; what a storage lacks of it."""

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from pfcon.archive.limits import UploadLimits
from pfcon.paths import JobDir
from pfcon.storage.base import ListedOutputs, StagingPlan, Upload, ZipOutputs
from pfcon.storage.filesystem import FilesystemStorage
from pfcon.storage.fslink import FslinkStorage
from pfcon.storage.in_place import InPlaceStorage
from pfcon.storage.object_store import ObjectStorage
from pfcon.storage.storages import make_storage
from pfcon.storage.zipfile import ZipfileStorage
from pfcon.testing.storage import REQUEST, StorageCapabilities, StorageHarness
from support.user_objects import UserObjects, url_of
from support.zips import NO_LIMITS, good_zip, spooled


class ZipfileHarness(StorageHarness):
    """Uploads in, a zip out."""

    def make(self, limits: UploadLimits = NO_LIMITS) -> None:
        self.storage = ZipfileStorage(limits)
        self.uploads: list[Upload] = []

    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        return self.plan_zip(good_zip({**files, **(linked or {})}))

    def plan_zip(self, content: bytes) -> StagingPlan:
        """Offer any bytes as an upload."""
        self.uploads.append(spooled(content, str(self.storebase.spool)))
        return self.storage.plan(REQUEST, self.uploads[-1])

    def plan_again(self) -> StagingPlan:
        return ZipfileStorage(NO_LIMITS).plan(self.request, self.uploads[-1])

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

    def make(self, limits: UploadLimits = NO_LIMITS) -> None:
        self.storage = FslinkStorage(self.storebase, limits)


class FilesystemHarness(InPlaceHarness):
    """Inputs in place."""

    can = StorageCapabilities(
        copies="filesystem leaves inputs where the users have them",
        links="filesystem gives a job its links as they are",
    )

    def make(self, limits: UploadLimits = NO_LIMITS) -> None:
        self.storage = FilesystemStorage(self.storebase)


class ObjectHarness(StorageHarness):
    """A container of its own; outputs are delivered, and read there."""

    storage: ObjectStorage
    name: str

    def make(self, limits: UploadLimits = NO_LIMITS) -> None:
        self.users = UserObjects(self.name, url_of(self.name), limits=limits)
        storage = make_storage(self.users.settings, self.storebase)
        assert isinstance(storage, ObjectStorage)
        self.storage = storage
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
