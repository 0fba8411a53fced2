"""The storage: inputs are copied from the shelf by copy jobs, outputs are copied to it by upload jobs."""

import filecmp
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pfcon.errors import Refused, Unreachable
from pfcon.files.walk import FileWalk, open_regular
from pfcon.models import InputRequest
from pfcon.paths import JobDir
from pfcon.storage.base import Delivered, ListedOutputs, Staged, StagingPlan, Storage, Upload
from pfcon.storage.fslink import FslinkPlan
from pfcon.storage.innetwork import output_path, path_text, path_texts
from pfcon.storage.upload_lock import upload_lock

KEY_FILE = ".key"


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
        return self._root

    def check(self) -> str:
        """See Storage."""
        return f"the shelf {self.open()}"

    def plan(self, request: InputRequest, upload: Upload | None) -> StagingPlan:
        """See Storage."""
        return ShelfPlan(self, FslinkPlan(self._root, request, self._free_bytes))

    def outputs(self, job: JobDir, job_output_path: str | None) -> ListedOutputs:
        """See Storage."""
        output_path("job_output_path", job_output_path or "")
        return ListedOutputs(job_output_path or "", path_texts(FileWalk(job.path, job.outgoing.name)))

    def deliver(self, job: JobDir, job_output_path: str, report: Callable[[str], None]) -> Delivered:
        """See Storage. Each file appears under its name only when it is complete."""
        target = self.open() / output_path("job_output_path", job_output_path)
        nfiles = nbytes = nsent = 0
        with upload_lock(job), FileWalk(job.path, job.outgoing.name) as walk:
            for found in walk:
                fd = open_regular(found.dir_fd, found.name)
                if fd is None:
                    continue  # deleted since
                place = target / path_text(found.path)
                nsent += _copy(fd, place)
                nfiles, nbytes = nfiles + 1, nbytes + place.stat().st_size
                report(f"{nfiles} files, {nsent} of them sent")
        return Delivered(nfiles, nbytes, nsent)


class ShelfPlan(StagingPlan):
    """Input paths that may be read. Copies as ``fslink`` does, which resumes an earlier attempt."""

    def __init__(self, shelf: ShelfStorage, plan: StagingPlan) -> None:
        self._shelf, self._plan = shelf, plan
        self.digest = plan.digest

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. Raises Refused for a wrong key, too."""
        self._shelf.open()
        return self._plan.stage(job, report)


def _copy(fd: int, place: Path) -> bool:
    """Copy an open file, and close it. Return False if the same file was there already."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(fd, "rb") as source, tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as copy:
        shutil.copyfileobj(source, copy)
    if place.exists() and filecmp.cmp(copy.name, place, shallow=False):
        os.unlink(copy.name)
        return False
    os.replace(copy.name, place)
    return True
