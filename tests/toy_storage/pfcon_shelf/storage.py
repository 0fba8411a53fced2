"""The storage: inputs are copied from the shelf by copy jobs, outputs are copied to it by upload jobs."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

from pfcon.errors import Refused, Unreachable
from pfcon.files.walk import FileWalk, open_regular
from pfcon.models import InputRequest
from pfcon.paths import JobDir
from pfcon.storage.base import Delivered, ListedOutputs, Staged, StagingPlan, Storage, Upload
from pfcon.storage.fslink import FslinkPlan
from pfcon.storage.innetwork import output_path, path_text, path_texts
from pfcon.storage.upload_lock import upload_lock

KEY_FILE, FILES = ".key", "files"  # of the shelf; users' paths are relative to FILES


class ShelfStorage(Storage):
    """See Storage."""

    name = "shelf"
    innetwork = True
    requires_copy_job = True
    requires_upload_job = True

    def __init__(self, root: Path, key: str, free_bytes: int) -> None:
        self._root, self._key, self._free_bytes = root, key, free_bytes

    def open(self) -> Path:
        """Return the directory of the users' files. Raises Unreachable if it is missing, Refused for a wrong key."""
        try:
            key = (self._root / KEY_FILE).read_text()
        except OSError as fault:
            raise Unreachable(f"the shelf {self._root} can't be read: {fault.strerror}") from fault
        if key.strip() != self._key:
            raise Refused(f"SHELF_KEY is not the key of the shelf {self._root}")
        return self._root / FILES

    def check(self) -> str:
        """See Storage."""
        self.open()
        return f"the shelf {self._root}"

    def plan(self, request: InputRequest, upload: Upload | None) -> StagingPlan:
        """See Storage. Checks the paths only."""
        return ShelfPlan(self, FslinkPlan(self._root / FILES, request, self._free_bytes))

    def outputs(self, job: JobDir, job_output_path: str | None) -> ListedOutputs:
        """See Storage."""
        output_path("job_output_path", job_output_path or "")
        return ListedOutputs(job_output_path or "", path_texts(FileWalk(job.path, job.outgoing.name)))

    def deliver(self, job: JobDir, job_output_path: str, report: Callable[[str], None]) -> Delivered:
        """See Storage. Each file appears under its name only when it is complete."""
        files = self.open()
        target = files / output_path("job_output_path", job_output_path)
        nfiles = nbytes = nsent = 0
        with upload_lock(job), FileWalk(job.path, job.outgoing.name) as walk:
            for found in walk:
                fd = open_regular(found.dir_fd, found.name)
                if fd is None:
                    continue  # it was deleted in the meantime
                with open(fd, "rb") as output:
                    nsent += _deliver(output, target / path_text(found.path), files)
                    nfiles, nbytes = nfiles + 1, nbytes + os.fstat(fd).st_size
                report(f"{nfiles} files, {nsent} of them sent")
        return Delivered(nfiles, nbytes, nsent)


class ShelfPlan(StagingPlan):
    """Input paths that may be read."""

    def __init__(self, shelf: ShelfStorage, plan: FslinkPlan) -> None:
        self._shelf, self._plan = shelf, plan
        self.digest = plan.digest

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. Raises Refused for a wrong key, too."""
        self._shelf.open()
        return self._plan.stage(job, report)


def _deliver(output: BufferedReader, place: Path, files: Path) -> bool:
    """Copy an output to a path of the users' files. Return False if an equal file exists. Raises Refused, OSError."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.parent.resolve().is_relative_to(files.resolve()):
            raise Refused(f"{place.relative_to(files)} is not a path below the storage root")
        if place.is_file() and _equal(output, place):
            return False
        _replace(output, place)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Refused(f"{place.relative_to(files)}: a file and a directory would have the same name") from None
    return True


def _replace(output: BufferedReader, place: Path) -> None:
    temporary = place.with_name(f".{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as copy:
            output.seek(0)
            shutil.copyfileobj(output, copy)
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


def _equal(output: BufferedReader, place: Path) -> bool:
    with place.open("rb") as existing:
        digests = [hashlib.file_digest(file, "sha256").digest() for file in (output, existing)]
    return digests[0] == digests[1]
