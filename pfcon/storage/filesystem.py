"""Storage ``filesystem``: the first input directory is mounted, not copied; outputs stay in place. No ChRIS links."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from pfcon.files.descent import UnreadableTreeError
from pfcon.files.walk import FileWalk
from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.links.missing import missing_note
from pfcon.models import INCOMING, InputRequest, Mount
from pfcon.paths import JobDir
from pfcon.storage.attempts import DiskQuota, check_not_staged, staging_attempt
from pfcon.storage.base import Staged, StagingPlan, Upload
from pfcon.storage.copying import TreeCopy
from pfcon.storage.in_place import InPlaceStorage
from pfcon.storage.innetwork import paths_digest, request_paths
from pfcon.storage.posix import Directories, PosixLister

MAX_COUNTED = 1_000_000  # files; counting them takes some seconds


class FilesystemStorage(InPlaceStorage):
    """See Storage. A directory is mounted itself; of a single file, a copy in the job's own directory is mounted."""

    name = "filesystem"

    def plan(self, request: InputRequest, upload: Upload | None) -> "FilesystemPlan":  # noqa: ARG002 - in-network
        """See Storage. Checks the paths only."""
        return FilesystemPlan(self._root, request)

    def places(self, request: InputRequest) -> tuple[Mount, ...]:
        """See Storage. Whether the first input is a directory, which is mounted, is checked when it is staged."""
        first = request_paths(request)[0][:1]
        return (*super().places(request), *(Mount(PurePosixPath(path), INCOMING, read_only=True) for path in first))

    def _inputs_source(self, job: JobDir, inputs: tuple[str, ...]) -> PurePosixPath:
        if job.is_staged() or not inputs:
            return job.incoming_source
        self._check_directory(inputs[0])
        return PurePosixPath(inputs[0])


class FilesystemPlan(StagingPlan):
    """The first input path, and a note about the others."""

    def __init__(self, root: Path, request: InputRequest) -> None:
        self._root = root
        self._inputs, output = request_paths(request)
        self.digest = paths_digest((self._inputs, output))

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. A directory is not copied: its files are counted, up to a million, and ``nbytes`` is 0.

        A single file is copied. For a path that does not exist, the job gets an empty directory, and a note says so.
        """
        check_not_staged(job)
        notes = Notes()
        for path in self._inputs[1:]:
            notes.add(f"left out input {path!r}: this storage mounts only the first input directory")
        with Directories(self._root) as directories:
            entry = PosixLister(directories, notes).entry(self._inputs[0]) if self._inputs else None
        if entry is not None and entry.is_dir:
            report("counting inputs")
            return Staged(self._count(notes), 0, notes.lines())
        items = []
        if entry is not None:
            items = [StagedItem(self._inputs[0], entry.name, entry.size, is_dir=False)]
        elif self._inputs:
            notes.add(missing_note(self._inputs[0]))
        with staging_attempt(job) as (partial, earlier):
            copy = TreeCopy(self._root, partial, earlier, DiskQuota(job.storebase, partial, 0), notes)
            copy.run(iter(items), report)
            job.complete(partial)
        return Staged(copy.files, copy.nbytes, notes.lines())

    def _count(self, notes: Notes) -> int:
        count = 0
        try:
            with FileWalk(self._root, self._inputs[0]) as walk:
                for _ in walk:
                    count += 1
                    if count == MAX_COUNTED:
                        notes.add(f"the inputs have {MAX_COUNTED} files or more")
                        break
        except UnreadableTreeError as error:  # the job's user may be able to read it
            notes.add(f"counted only {count} files: {error}")
        return count
