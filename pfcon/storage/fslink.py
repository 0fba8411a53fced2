"""Storage ``fslink``: inputs are copied from the users' tree, with ChRIS links expanded; outputs stay in place."""

from collections.abc import Callable
from pathlib import Path

from pfcon.archive.limits import UploadLimits
from pfcon.links.budget import InputsBudget, Notes
from pfcon.links.expansion import Expansion
from pfcon.models import InputRequest
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.attempts import DiskQuota, staging_attempt
from pfcon.storage.base import Staged, StagingPlan, Upload
from pfcon.storage.copying import TreeCopy
from pfcon.storage.in_place import InPlaceStorage
from pfcon.storage.innetwork import paths_digest, request_paths
from pfcon.storage.posix import Directories, PosixLister


class FslinkStorage(InPlaceStorage):
    """See Storage. Of all limits, only that on free disk space applies."""

    name = "fslink"
    requires_copy_job = True

    def __init__(self, storebase: StoreBase, limits: UploadLimits) -> None:
        super().__init__(storebase)
        self._reserve = limits.free_bytes

    def plan(self, request: InputRequest, upload: Upload | None) -> "FslinkPlan":  # noqa: ARG002 - in-network
        """See Storage. Checks the paths only: their files are read when they are staged."""
        return FslinkPlan(self._root, request, self._reserve)


class FslinkPlan(StagingPlan):
    """Input paths that may be read."""

    def __init__(self, root: Path, request: InputRequest, reserve: int) -> None:
        self._root, self._reserve = root, reserve
        self._inputs, self._output = request_paths(request)
        self.digest = paths_digest((self._inputs, self._output))

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. After an error, copied files are kept for the next attempt, outside of ``incoming``.

        Files that users delete during the copy are left out with a note. Copies have the mode 0644: inputs are data.
        """
        notes = Notes()
        with (
            staging_attempt(job) as (partial, earlier),
            Directories(self._root) as directories,
            DiskQuota(job.storebase, partial, self._reserve) as quota,
        ):
            walk = Expansion(PosixLister(directories, notes), InputsBudget(), self._output)
            copy = TreeCopy(self._root, partial, earlier, quota, notes)
            copy.run(walk.walk(self._inputs), report)
            job.complete(partial)
        lines = (*walk.notes.lines(), *notes.lines())
        if copy.kept:
            lines += (f"{copy.kept} of {copy.files} files were reused from an earlier attempt",)
        return Staged(copy.files, copy.nbytes, lines)
