"""The interface of storages: how a job's inputs get to storeBase and its outputs to users, in pfcon's own types.

The docstrings are the contract; ``pfcon.testing.storage`` has tests of it, which ``tests/contract`` runs against every
storage.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from pfcon.errors import Absent
from pfcon.files.privileges import remove_privileges
from pfcon.files.unreadable import OutputSurvey, Unreadable, find_unreadable
from pfcon.models import INCOMING, OUTGOING, InputRequest, Mount, User
from pfcon.paths import JobDir


@dataclass(frozen=True)
class Upload:
    """A client's zip, spooled to storeBase's file system. The file has no name: it is deleted when it is closed."""

    file: BinaryIO
    size: int  # bytes


@dataclass(frozen=True)
class Staged:
    """The result of staging. ``notes``: lines for the user about what was left out or renamed, and why."""

    nfiles: int
    nbytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ZipOutputs:
    """Outputs as a zip, created while it is read. Close the iterator if it is not read to its end."""

    chunks: Iterator[bytes]


@dataclass(frozen=True)
class ListedOutputs:
    """Outputs as paths relative to ``job_output_path``, ``/``-separated, listed while they are read."""

    job_output_path: str
    paths: Iterator[str]


Outputs = ZipOutputs | ListedOutputs


@dataclass(frozen=True)
class Delivered:
    """The result of delivering outputs: files and bytes that the store has now; ``nsent`` of the files were sent."""

    nfiles: int
    nbytes: int
    nsent: int
    notes: tuple[str, ...] = ()


class StagingPlan(ABC):
    """Inputs that were checked and can be staged."""

    digest: str
    """Identifies the inputs, hex. Of an upload: equal for equal files with equal names. In-network: equal for equal
    paths, since their files are read only when they are staged."""

    @abstractmethod
    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """Create ``job.incoming`` with all of the job's inputs, atomically: after an error it does not exist.

        ``job.path`` may be missing. Existing inputs are never added to: OSError (ENOTEMPTY). ``report`` is called with
        texts of progress for the user. Raises Refused or TooLarge for inputs that can't be staged, StorageFull,
        Unreachable for a store that still does not answer after some retries, OSError for storeBase's own faults.
        """


class Storage(ABC):
    """One source of inputs and destination of outputs. Thread-safe: one object serves a process."""

    name: str
    innetwork: bool
    takes_upload = False
    requires_copy_job = False
    requires_upload_job = False
    in_storebase = False
    """Whether users' files are in storeBase: copies read them from it, and ``job_output_path`` is a directory of it."""
    staging_fault = ""
    """First words of the message for clients of the synchronous interface if inputs are refused during staging."""

    @property
    def server_info(self) -> dict[str, str]:
        """The fields that the server information has about the storage, besides its name."""
        return {}

    def check(self) -> str:
        """Check that the storage answers; return one line that says what answered.

        Raises Refused, Unreachable.
        """
        return f"{self.name} needs nothing but storeBase"

    @abstractmethod
    def plan(self, request: InputRequest, upload: Upload | None) -> StagingPlan:
        """Check the inputs without writing anything.

        Raises InvalidFields, Refused or TooLarge if they are missing, malformed or above a limit.
        """

    def make_outputs(self, job: JobDir, request: InputRequest, user: User | None) -> None:  # noqa: ARG002 - in place, it is the request that names the directory
        """Create the directory for the job's outputs, writable by the job's user. The job directory must exist.

        Raises Refused for a path that can't be used, OSError.
        """
        job.make_outgoing(user)

    def mounts(self, job: JobDir, request: InputRequest) -> tuple[Mount, ...]:  # noqa: ARG002 - some storages mount paths of the request
        """Return the job's mounts: its inputs, read-only, and its outputs. Both must exist before the call."""
        return (
            Mount(job.incoming_source, INCOMING, read_only=True),
            Mount(job.outgoing_source, OUTGOING, read_only=False),
        )

    def places(self, request: InputRequest) -> tuple[Mount, ...]:  # noqa: ARG002 - most mount nothing of the users'
        """Return those of ``mounts`` that are users' directories, from the request alone: never one too few.

        Other jobs are prevented from replacing a directory on their paths. Raises what ``plan`` raises for paths.
        """
        return ()

    def seal_outputs(self, job: JobDir, output_dir: PurePosixPath | None, survey: OutputSurvey | None = None) -> None:  # noqa: ARG002 - some have it in another place
        """Remove what a job must not leave among its outputs. Called after the job has ended. Idempotent.

        survey: counts the outputs, and collects those that can't be read, also if this raises.

        Raises PrivilegesLeftError or NotRemovedError if something could not be removed, UnreadableTreeError, OSError.
        """
        with contextlib.suppress(Absent):
            remove_privileges(job.path, job.outgoing.name, directories=True, survey=survey)

    @abstractmethod
    def outputs(self, job: JobDir, job_output_path: str | None) -> Outputs:
        """Return the job's output files. Raises Absent for a missing directory, InvalidFields for a bad path.

        They never include symbolic links, ``.chrislink`` files, and other files that are not regular.
        """

    def find_unreadable(self, job: JobDir, job_output_path: str | None, *, files: bool) -> Unreadable:  # noqa: ARG002 - some have them in another place
        """Return which of the ``outputs`` can't be read now. ``files``: check files too; a list needs directories only.

        Raises what ``outputs`` raises, UnreadableTreeError, OSError.
        """
        return find_unreadable(job.path, job.outgoing.name, files=files)

    def deliver(self, job: JobDir, job_output_path: str, report: Callable[[str], None]) -> Delivered:
        """Send the job's outputs to users' data below that path, if ``requires_upload_job``. Idempotent.

        Existing equal files are not sent again, so a later attempt resumes an earlier one. Concurrent calls wait for
        each other. ``report`` is called with texts of progress. Raises Absent for missing outputs, InvalidFields for a
        bad path, Refused for files that can't be sent, Unreachable for a store that does not answer, OSError.
        """
        raise NotImplementedError(f"{self.name} delivers nothing")
