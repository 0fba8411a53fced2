"""Storage ``zipfile``: requests contain the inputs as a zip; responses contain the outputs as a zip."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pfcon.archive.contents import read_contents
from pfcon.archive.inflating import read_small
from pfcon.archive.limits import UploadLimits
from pfcon.archive.members import Member
from pfcon.archive.unzip import Placing, unpack
from pfcon.archive.zip_index import ZipTree
from pfcon.archive.zip_links import expand
from pfcon.archive.zip_stream import zip_chunks
from pfcon.errors import InvalidFields
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.links import LINK_MAX_BYTES
from pfcon.models import InputRequest
from pfcon.paths import JobDir
from pfcon.reservation import Reservation
from pfcon.storage.base import Staged, StagingPlan, Storage, Upload, ZipOutputs


class ZipfileStorage(Storage):
    """See Storage. A limit of 0 does not apply, also that on free disk space."""

    name = "zipfile"
    innetwork = False
    takes_upload = True

    def __init__(self, limits: UploadLimits, spool: Callable[[], Path] | None = None) -> None:
        """spool: returns the directory for data too large for memory; None: the directory of temporary files."""
        self._limits, self._spool = limits, spool

    def plan(self, request: InputRequest, upload: Upload | None) -> "ZipPlan":  # noqa: ARG002 - all is in the zip
        """Check the zip and expand its links. See ``read_contents`` and ``zip_links``."""
        if upload is None:
            raise InvalidFields({"data_file": "field is required"})
        return ZipPlan(upload, self._limits, self._spool() if self._spool else None)

    def outputs(self, job: JobDir, job_output_path: str | None) -> ZipOutputs:  # noqa: ARG002 - a zip contains them all
        """See Storage. The iterator raises UnreadableTreeError if a file can't be read."""
        return ZipOutputs(zip_chunks(job.path, "outgoing", str(job.storebase.spool)))


class ZipPlan(StagingPlan):
    """A checked zip, and the staged paths of its members."""

    def __init__(self, upload: Upload, limits: UploadLimits, spool: Path | None) -> None:
        self._upload, self._reserve = upload, limits.free_bytes
        self._contents = contents = read_contents(upload.file.fileno(), upload.size, limits)
        self.digest, self._notes, self._on_disk = contents.digest, contents.notes, contents.on_disk
        self._tree: ZipTree | None = None
        if contents.links:
            self._tree = ZipTree(contents.members, contents.count, self._link_text, spool)
            self._notes += expand(self._tree, limits, upload.size)

    def _placing(self) -> Placing:
        if self._tree is not None:
            return self._tree.placing()
        begun = {member.offset for member in self._contents.large}
        return Placing(
            [(member, member.path) for member in self._contents.large],
            (
                (None if member.is_dir else member, member.path)
                for member in self._contents.members
                if member.offset not in begun
            ),
            self._contents.nfiles,
            self._contents.unpacked,
        )

    def _link_text(self, member: Member) -> bytes:
        if member.size > LINK_MAX_BYTES or member.packed > 1 << 20:
            return bytes(LINK_MAX_BYTES + 1)  # its content does not matter: it is too long for a link
        return read_small(self._upload.file.fileno(), member)

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. Raises InvalidFields for damaged members, which are detected only now."""
        placing = self._placing()
        room = Reservation(job.storebase, self._reserve)
        with room, staging_directory(job) as partial:
            room.reserve(max(self._on_disk, placing.nbytes), "data_file: unpacked, the inputs")
            unpack(self._upload.file.fileno(), placing, partial, report, written=room.record_written)
            job.complete(partial)
        return Staged(placing.nfiles, placing.nbytes, self._notes)


@contextlib.contextmanager
def staging_directory(job: JobDir) -> Iterator[Path]:
    """Create a directory to stage in. After an error it is removed, and the job's directory too if this created it.

    What can't be removed is left for the removal of the job: the first error is the one that is raised.
    """
    existed = os.path.lexists(job.path)
    partial: Path | None = None
    try:
        partial = job.new_partial()
        yield partial
    except BaseException:  # also when the worker is asked to exit: a half-staged job must not be left
        if partial is not None:
            with contextlib.suppress(OSError, NotRemovedError):
                remove_tree(partial)
        if not existed:
            with contextlib.suppress(OSError):  # not empty: another request is at work in it
                job.path.rmdir()
        raise
