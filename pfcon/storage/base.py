"""The storage seam: how a job's inputs get to storeBase and its outputs away, in pfcon's own types.

The docstrings are the contract; ``pfcon.testing.storage`` has it as tests, which ``tests/contract`` runs against every
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
from pfcon.files.unreadable import Unreadable, find_unreadable
from pfcon.models import INCOMING, OUTGOING, InputRequest, Mount, User
from pfcon.paths import JobDir


@dataclass(frozen=True)
class Upload:
    """A client's zip, spooled on storeBase's file system. The file has no name: it vanishes with its last user."""

    file: BinaryIO
    size: int  # bytes


@dataclass(frozen=True)
class Staged:
    """What staging did. ``notes`` tell a user, one line each, what was left out or renamed and why."""

    nfiles: int
    nbytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ZipOutputs:
    """Outputs as a zip, made while it is read. Close the iterator when it is not read to its end."""

    chunks: Iterator[bytes]


@dataclass(frozen=True)
class ListedOutputs:
    """Outputs as paths relative to ``job_output_path``, ``/``-separated, made while they are read."""

    job_output_path: str
    paths: Iterator[str]


Outputs = ZipOutputs | ListedOutputs


@dataclass(frozen=True)
class Delivered:
    """What delivering outputs did: the files and bytes that are in the store now; ``nsent`` files were sent for it."""

    nfiles: int
    nbytes: int
    nsent: int
    notes: tuple[str, ...] = ()


class StagingPlan(ABC):
    """Inputs that have been looked at and can be staged."""

    digest: str
    """Identifies the inputs, hex. Of an upload: the same for the same files under the same names. In-network: the
    same for the same paths, since what lies there is read only when it is staged."""

    @abstractmethod
    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """Make the job's inputs appear, complete, or raise and leave no part of them in ``job.incoming``.

        Inputs that are there already are never added to: OSError. ``report`` gets texts of progress for the user,
        now and then. Raises Refused or TooLarge for inputs that can't be staged, StorageFull, Unreachable for a store
        that does not answer, OSError for storeBase's own faults.
        """


class Storage(ABC):
    """One way of getting data in and out. One object serves all threads of a process."""

    name: str
    innetwork: bool
    takes_upload = False
    requires_copy_job = False
    requires_upload_job = False
    in_storebase = False
    """Whether users' files lie in storeBase: copies read them there, and ``job_output_path`` is a directory of it."""
    staging_fault = ""
    """What clients of the synchronous interface are told first where inputs are refused while they are staged."""
    secrets: tuple[str, ...] = ()
    """Names of the secrets that its operations need: see ``write_secrets``."""
    creates = False
    """Whether its operations make a container of objects that is missing."""

    @property
    def told(self) -> dict[str, str]:
        """What server information tells of the storage, besides its name."""
        return {}

    def check(self) -> str:
        """Ask the storage for a sign of life; returns one line that says what answered.

        Raises Refused, Unreachable.
        """
        return f"{self.name} needs nothing but storeBase"

    def write_secrets(self, *, beside: bool) -> None:  # noqa: B027 - most have none
        """Write what ``secrets`` names for the operations that are about to run. Idempotent. Raises OSError.

        Not called where the engine mounts secrets of its own.

        beside: they run beside this service, and reach the network as it does.
        """

    @abstractmethod
    def plan(self, request: InputRequest, upload: Upload | None) -> StagingPlan:
        """Look at the inputs without writing anything.

        Raises InvalidFields, Refused or TooLarge when they are missing, malformed or above a limit.
        """

    def make_outputs(self, job: JobDir, request: InputRequest, user: User | None) -> None:  # noqa: ARG002 - in place, it is the request that names the directory
        """Make the directory for the job's outputs, writable by the job's user. The job directory must exist.

        Raises Refused for a place that can't be used, OSError.
        """
        job.make_outgoing(user)

    def mounts(self, job: JobDir, request: InputRequest) -> tuple[Mount, ...]:  # noqa: ARG002 - some storages mount paths of the request
        """What the job sees, once inputs are staged and outputs made: its inputs, read-only, and its outputs."""
        return (
            Mount(job.incoming_source, INCOMING, read_only=True),
            Mount(job.outgoing_source, OUTGOING, read_only=False),
        )

    def places(self, request: InputRequest) -> tuple[Mount, ...]:  # noqa: ARG002 - most mount nothing of the users'
        """Those of ``mounts`` whose directories are the users', as far as the request tells: never one too few.

        Jobs are kept from changing the way to them. Raises what ``plan`` raises for paths.
        """
        return ()

    def seal_outputs(self, job: JobDir, output_dir: PurePosixPath | None, unreadable: Unreadable | None = None) -> None:  # noqa: ARG002 - some have it elsewhere
        """Remove what a job must not leave among its outputs. Called once, when the job has ended. Idempotent.

        ``unreadable`` takes what of the outputs can't be read, also when this raises.

        Raises PrivilegesLeftError or NotRemovedError when parts stay, UnreadableTreeError, OSError.
        """
        with contextlib.suppress(Absent):
            remove_privileges(job.path, job.outgoing.name, directories=True, unreadable=unreadable)

    @abstractmethod
    def outputs(self, job: JobDir, job_output_path: str | None) -> Outputs:
        """The job's output files. Raises Absent when there is no such directory, InvalidFields for a bad path.

        Symbolic links, ``.chrislink`` files and whatever is no regular file are never among them.
        """

    def find_unreadable(self, job: JobDir, job_output_path: str | None, *, files: bool) -> Unreadable:  # noqa: ARG002 - some have them elsewhere
        """What of ``outputs`` can't be read now. ``files``: not of directories alone, which is all that a list needs.

        Raises what ``outputs`` raises, UnreadableTreeError, OSError.
        """
        return find_unreadable(job.path, job.outgoing.name, files=files)

    def deliver(self, job: JobDir, job_output_path: str, report: Callable[[str], None]) -> Delivered:
        """Bring the job's outputs to users' data below that path, where ``requires_upload_job``. Idempotent.

        What exists there already is not sent again, so a later try goes on from an earlier one. Two at the same time
        wait for each other. ``report`` gets texts of progress. Raises Absent when there are no outputs, InvalidFields
        for a bad path, Refused for files that can't be sent, Unreachable for a store that does not answer, OSError.
        """
        raise NotImplementedError(f"{self.name} delivers nothing")
