"""Storage ``zipfile``: the inputs come as a zip in the request, the outputs go as one in the answer."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pfcon.archive.members import Contents, Member, read_contents
from pfcon.archive.unzip import Placed, read_small, unpack
from pfcon.archive.zip_links import ZipTree, expand
from pfcon.archive.zip_stream import zip_chunks
from pfcon.errors import InvalidFields, TooLarge
from pfcon.links import LINK_MAX_BYTES
from pfcon.models import LINK_SUFFIX, InputRequest
from pfcon.paths import JobDir
from pfcon.settings.model import StorageName, UploadLimits
from pfcon.storage.base import Staged, StagingPlan, Storage, Upload, ZipOutputs
from pfcon.tree import NotRemovedError, remove_tree
from pfcon.units import human_bytes


class ZipfileStorage(Storage):
    """See Storage. Limits of 0 do not apply, that on the disk's free space included."""

    name = StorageName.ZIPFILE
    innetwork = False
    takes_upload = True

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits

    def plan(self, request: InputRequest, upload: Upload | None) -> "ZipPlan":  # noqa: ARG002 - all is in the zip
        """Check the zip and find out what its links stand for. See ``read_contents`` and ``zip_links``."""
        if upload is None:
            raise InvalidFields({"data_file": "field is required"})
        return ZipPlan(upload, self._limits)

    def outputs(self, job: JobDir, job_output_path: str | None) -> ZipOutputs:  # noqa: ARG002 - a zip holds them all
        """See Storage. The iterator raises UnreadableTreeError when a file can't be read."""
        return ZipOutputs(zip_chunks(job.path, "outgoing", str(job.storebase.spool)))


class ZipPlan(StagingPlan):
    """A checked zip, and where its members are staged."""

    def __init__(self, upload: Upload, limits: UploadLimits) -> None:
        self._upload = upload
        self._reserve = limits.free_bytes
        contents = read_contents(upload.file.fileno(), upload.size, limits)
        self.digest = contents.digest
        self._notes = contents.notes
        self._files, self._directories = self._place(contents, limits)
        self._nbytes = sum(member.size for member, _ in self._files)

    def _place(self, contents: Contents, limits: UploadLimits) -> tuple[list[Placed], list[str]]:
        members = contents.members
        if not any(member.path.endswith(LINK_SUFFIX) and not member.is_dir for member in members):
            files = [(member, member.path) for member in members if not member.is_dir]
            return files, [member.path for member in members if member.is_dir]
        tree = ZipTree(contents, self._link_text)
        items, notes = expand(tree, limits)
        self._notes += notes
        files = [(tree.files[item.source], item.path) for item in items if not item.is_dir]
        return files, [item.path for item in items if item.is_dir]

    def _link_text(self, member: Member) -> bytes:
        if member.size > LINK_MAX_BYTES or member.packed > 1 << 20:
            return bytes(LINK_MAX_BYTES + 1)  # its content does not matter: it is too long for a link
        return read_small(self._upload.file.fileno(), member)

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. Raises InvalidFields for members that turn out to be damaged."""
        free = job.storebase.free_bytes()
        if self._reserve and self._nbytes + self._reserve > free:
            raise TooLarge(
                f"data_file: unpacked, the inputs have {human_bytes(self._nbytes)}; of {human_bytes(free)} free disk"
                f" space {human_bytes(self._reserve)} must stay free (PFCON_MIN_FREE_BYTES)"
            )
        with staging_directory(job) as partial:
            unpack(self._upload.file.fileno(), self._files, self._directories, partial, report)
            job.complete(partial)
        return Staged(len(self._files), self._nbytes, self._notes)


@contextlib.contextmanager
def staging_directory(job: JobDir) -> Iterator[Path]:
    """A directory to stage in; after an error it is removed, and the job's too if it was made here.

    What can't be removed is left for the job's own removal: the error that led here is what counts.
    """
    existed = os.path.lexists(job.path)
    partial: Path | None = None
    try:
        partial = job.new_partial()
        yield partial
    except BaseException:  # also a worker that is told to exit must not leave a half-staged job
        if partial is not None:
            with contextlib.suppress(OSError, NotRemovedError):
                remove_tree(partial)
        if not existed:
            with contextlib.suppress(OSError):  # not empty: another request is at work in it
                job.path.rmdir()
        raise
