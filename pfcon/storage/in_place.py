"""The base class of storages whose jobs write their outputs directly to the users' tree below the storage root."""

import contextlib
import os
import stat
from pathlib import Path, PurePosixPath

from pfcon.errors import Absent, InvalidFields, Refused
from pfcon.files.flags import DIRECTORY
from pfcon.files.privileges import remove_privileges
from pfcon.files.removal import remove_link_files
from pfcon.files.unreadable import OutputSurvey, Unreadable, find_unreadable
from pfcon.files.walk import FileWalk, open_directory
from pfcon.models import INCOMING, OUTGOING, InputRequest, Mount, User
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import ListedOutputs, Storage
from pfcon.storage.innetwork import output_path, path_texts, request_paths
from pfcon.storage.posix import MISSING_ERRORS


class InPlaceStorage(Storage):
    """Jobs write their outputs to ``output_dir`` itself; that directory is listed."""

    innetwork = True
    in_storebase = True

    def __init__(self, storebase: StoreBase) -> None:
        self._root = Path(os.path.realpath(storebase.root))

    def make_outputs(self, job: JobDir, request: InputRequest, user: User | None) -> None:  # noqa: ARG002 - it is not the job's
        """See Storage: creates ``output_dir`` and its missing parents."""
        path = request_paths(request)[1]
        fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in path.split("/"):
                below, made = _enter(fd, name, path)
                os.close(fd)
                fd = below
            _let_in(fd, user, made)
        finally:
            os.close(fd)

    def mounts(self, job: JobDir, request: InputRequest) -> tuple[Mount, ...]:
        """See Storage. Raises Refused if a path to mount is not a directory, or is no longer one."""
        inputs, output = request_paths(request)
        self._check_directory(output)
        return (
            Mount(self._inputs_source(job, inputs), INCOMING, read_only=True),
            Mount(PurePosixPath(output), OUTGOING, read_only=False),
        )

    def places(self, request: InputRequest) -> tuple[Mount, ...]:
        """See Storage."""
        return (Mount(PurePosixPath(request_paths(request)[1]), OUTGOING, read_only=False),)

    def _inputs_source(self, job: JobDir, inputs: tuple[str, ...]) -> PurePosixPath:  # noqa: ARG002 - not where they are copied
        return job.incoming_source

    def _check_directory(self, path: str) -> None:
        try:
            os.close(open_directory(self._root, path))
        except Absent:
            raise Refused(f"{path!r} below the storage root is not a directory, or is no longer one") from None

    def seal_outputs(self, job: JobDir, output_dir: PurePosixPath | None, survey: OutputSurvey | None = None) -> None:  # noqa: ARG002 - they are not the job's
        """See Storage. Also removes link files that the job wrote: only CUBE may write links, after the job."""
        if output_dir is None:
            return
        below = output_path("output_dir", output_dir)
        with contextlib.suppress(Absent):
            try:
                remove_privileges(self._root, below, directories=False, survey=survey)
            finally:
                remove_link_files(self._root, below)

    def outputs(self, job: JobDir, job_output_path: str | None) -> ListedOutputs:  # noqa: ARG002 - they are not the job's
        """See Storage. ``job_output_path`` is returned as it was sent. The iterator raises UnreadableTreeError.

        Bytes of names that are not UTF-8 are escaped as ``\\\\xe9``, as in a zip: JSON can't represent them.
        """
        if job_output_path is None:
            raise InvalidFields({"job_output_path": "field is required"})
        return ListedOutputs(
            job_output_path, path_texts(FileWalk(self._root, output_path("job_output_path", job_output_path)))
        )

    def find_unreadable(self, job: JobDir, job_output_path: str | None, *, files: bool) -> Unreadable:  # noqa: ARG002 - they are not the job's
        """See Storage."""
        return find_unreadable(self._root, output_path("job_output_path", job_output_path or ""), files=files)


def _enter(fd: int, name: str, path: str) -> tuple[int, bool]:
    """Open a subdirectory, created if missing; return its descriptor and whether it was created."""
    made = False
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=fd)
            made = True
        below = os.open(name, DIRECTORY, dir_fd=fd)
    except OSError as fault:
        if fault.errno in MISSING_ERRORS:
            raise Refused(f"output_dir: {name!r} in {path!r} is not a directory") from None
        raise
    if made:
        os.fchmod(below, 0o755)  # independent of the umask
    return below, made


def _let_in(fd: int, user: User | None, made: bool) -> None:
    """Make a directory writable by a job's user.

    If this service owns it and the user is known, the user becomes its owner. If it has another owner (such as CUBE,
    which continues to use it), or if only the image defines the user, it becomes writable by all.
    """
    found = os.fstat(fd)
    uid = user.uid if user else None
    try:
        if uid is not None and os.geteuid() == 0 and found.st_uid in (0, uid):
            os.fchown(fd, uid, user.gid if user and user.gid is not None else -1)
        elif uid is None or uid != found.st_uid:
            os.fchmod(fd, stat.S_IMODE(found.st_mode) | 0o777)
    except PermissionError:
        if made:
            raise
