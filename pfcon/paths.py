"""All paths that pfcon creates below storeBase: the directories of jobs, and those of the service.

storeBase/
    key-<jid>/incoming, key-<jid>/outgoing     a job's data
    .pfcon/                                    the service's own; jobs never mount it
"""

import contextlib
import errno
import os
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfcon.errors import Unreachable
from pfcon.files.attributes import unlock
from pfcon.files.faults import free_bytes
from pfcon.files.flags import DIRECTORY
from pfcon.models import JobId, User

PRIVATE_NAME = ".pfcon"
MARKS_NAME = ".pfcon-storebase"  # compute nodes may enter it; they can't enter the other one where root has no rights
SECRETS_NAME = "secrets"
KEY_PREFIX = "key-"
UNAVAILABLE = "storeBase is not available; its file system may be unmounted"


def is_own(path: str) -> bool:
    """Whether a path relative to storeBase belongs to pfcon itself. Paths of the storage must not.

    Case-insensitive, as some file systems are.
    """
    top = path.partition("/")[0].casefold()
    return top in (PRIVATE_NAME, MARKS_NAME) or top.startswith(KEY_PREFIX)


@dataclass(frozen=True)
class StoreBase:
    """The directory that is shared with all compute nodes. root: its path on this host.

    passable: whether all users of a host may traverse the jobs' directories (mode bit x), to reach their own files.
    Engines that mount as root, or run jobs as this service's user, do not need that.
    """

    root: Path
    passable: bool = False

    def job(self, jid: JobId) -> "JobDir":
        """Return the directory of a job; it is not created."""
        return JobDir(self, jid)

    @property
    def private(self) -> Path:
        """The directory of the service, readable only by its user."""
        return self.root / PRIVATE_NAME

    def private_dir(self, name: str) -> Path:
        """Return a directory in ``private``; it is created if missing. Raises OSError."""
        path = self.private / name
        if not path.is_dir():
            self.private.mkdir(mode=0o700, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def spool(self) -> Path:
        """The directory for uploads in progress, on storeBase's file system. Raises OSError."""
        return self.private_dir("spool")

    @property
    def trash(self) -> Path:
        """The directory for trees that are to be removed in the background. Raises OSError."""
        return self.private_dir("trash")

    @staticmethod
    def secret_source(name: str) -> PurePosixPath:
        """Return the directory of a Secret's files, relative to storeBase, for a Mount."""
        return PurePosixPath(PRIVATE_NAME, SECRETS_NAME, name)

    def secret_dir(self, name: str) -> Path:
        """Return that directory as an absolute path; it is created if missing. Raises OSError."""
        path = self.private_dir(SECRETS_NAME) / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def is_available(self) -> bool:
        """Whether the directory exists now: its file system may be unmounted or its server unreachable."""
        return os.path.isdir(self.root)

    def has_directory(self, path: Path) -> bool:
        """Whether a path of storeBase is a directory, and not a symbolic link.

        Raises Unreachable while storeBase is unavailable.
        """
        if _is_directory(path):
            return True
        if not self.is_available():
            raise Unreachable(UNAVAILABLE)
        return False

    def free_bytes(self) -> int:
        """Return the bytes that this user may still write. Raises OSError."""
        return free_bytes(self.root)


@dataclass(frozen=True)
class JobDir:
    """The directory ``key-<jid>`` of a job, and the paths in it."""

    storebase: StoreBase
    jid: JobId

    @property
    def name(self) -> str:
        """The name of the directory, relative to storeBase."""
        return KEY_PREFIX + self.jid

    @property
    def path(self) -> Path:
        """The path of the directory on this host."""
        return self.storebase.root / self.name

    @property
    def incoming(self) -> Path:
        """The staged inputs; exists only when they are complete."""
        return self.path / "incoming"

    @property
    def outgoing(self) -> Path:
        """The job's outputs."""
        return self.path / "outgoing"

    @property
    def incoming_source(self) -> PurePosixPath:
        """``incoming``, relative to storeBase, for a Mount."""
        return PurePosixPath(self.name, "incoming")

    @property
    def outgoing_source(self) -> PurePosixPath:
        """``outgoing``, relative to storeBase, for a Mount."""
        return PurePosixPath(self.name, "outgoing")

    def exists(self) -> bool:
        """Whether the job has a directory; a symbolic link, which a job may have created there, does not count.

        Like the three methods below, raises Unreachable while storeBase is unavailable.
        """
        return self.storebase.has_directory(self.path)

    def is_taken(self) -> bool:
        """Whether a file of any type has the directory's name."""
        return os.path.lexists(self.path) or self.exists()

    def is_staged(self) -> bool:
        """Whether the staged inputs exist, and so are complete."""
        return self.storebase.has_directory(self.incoming)

    def has_outputs(self) -> bool:
        """Whether the directory of outputs exists."""
        return self.storebase.has_directory(self.outgoing)

    def make(self) -> None:
        """Create the directory. Idempotent. Raises OSError, also when another type of file has its name.

        Only this service's user may access it. If storeBase is ``passable``, others may traverse it, but not list it.
        """
        mode = 0o711 if self.storebase.passable else 0o700
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=mode)
            return
        if not self.exists():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.path))

    def allow_traversal(self, user: User | None) -> None:
        """Let a job's group traverse the directory, but not list it, for engines that do not mount what is in it.

        Does nothing unless this service runs as root: otherwise all jobs run as its own user. Raises OSError.
        """
        if user is None or user.uid in (None, os.geteuid()) or os.geteuid() != 0:
            return
        directory = os.open(self.path, DIRECTORY)
        try:
            os.fchown(directory, -1, os.getegid() if user.gid is None else user.gid)
            os.fchmod(directory, 0o711 if self.storebase.passable else 0o710)
        finally:
            os.close(directory)

    def new_partial(self) -> Path:
        """Create and return an empty directory for staging; ``complete`` renames it to ``incoming``. Raises OSError."""
        self.make()
        partial = self.path / f"incoming.{uuid.uuid4().hex}.partial"
        partial.mkdir(mode=0o755)
        return partial

    def new_scratch(self) -> Path:
        """Create and return an empty directory for incomplete files. Raises OSError.

        The caller must remove it. After a crash it counts as an earlier attempt, and is removed with these.
        """
        scratch = self.path / f"incoming.{uuid.uuid4().hex}.old"
        scratch.mkdir(mode=0o700)
        return scratch

    def earlier_attempts(self) -> list[Path]:
        """Return the staging directories of attempts that did not complete. Raises OSError.

        They are renamed, so that an attempt that still runs fails: it must not complete a tree from which files were
        moved.
        """
        attempts = []
        for name in sorted(os.listdir(self.path) if self.exists() else ()):
            if not _is_directory(self.path / name):
                continue
            if name.startswith("incoming.") and name.endswith("partial"):
                ended = f"incoming.{uuid.uuid4().hex}.old"
                os.rename(self.path / name, self.path / ended)
                attempts.append(self.path / ended)
            elif name.startswith("incoming.") and name.endswith(".old"):
                attempts.append(self.path / name)
        return attempts

    def unstage(self) -> None:
        """Make staged inputs an earlier attempt: a later one verifies and reuses their files. Raises OSError.

        No job may be using them. Does nothing when they are missing.
        """
        with contextlib.suppress(FileNotFoundError):
            self.incoming.rename(self.path / f"incoming.{uuid.uuid4().hex}.old")

    def complete(self, partial: Path) -> None:
        """Rename a staged tree to ``incoming``, atomically. Raises OSError, also when that exists already."""
        partial.rename(self.incoming)

    def make_outgoing(self, user: User | None) -> None:
        """Create ``outgoing``, writable by the job's user.

        The job directory must exist. When this service may not change the owner, or the user is unknown (the image
        defines it), ``outgoing`` is writable by all; but others can't reach it through ``key-<jid>``. Raises OSError.
        """
        with contextlib.suppress(FileExistsError):
            self.outgoing.mkdir(mode=0o755)
        directory = os.open(self.outgoing, DIRECTORY)
        try:
            uid = user.uid if user else None
            if uid is not None and os.geteuid() == 0:
                os.fchown(directory, uid, user.gid if user and user.gid is not None else -1)
            elif uid != os.geteuid():
                os.fchmod(directory, 0o777)
        finally:
            os.close(directory)

    def move_outgoing_to_trash(self) -> Path | None:
        """Move ``outgoing`` to the trash atomically; return its path there, or None when it was missing.

        Raises OSError.
        """
        trashed = self.storebase.trash / f"{self.name[:100]}.{uuid.uuid4().hex}"
        try:
            self.outgoing.rename(trashed)
        except FileNotFoundError:
            return None
        return trashed

    def move_to_trash(self) -> Path | None:
        """Move the whole directory to the trash atomically; return its path there, or None when it was missing.

        When a job has replaced the directory by another type of file, that file is moved: a symbolic link is not
        followed. Raises OSError.
        """
        trashed = self.storebase.trash / f"{self.name[:100]}.{uuid.uuid4().hex}"
        try:
            try:
                self.path.rename(trashed)
            except PermissionError:
                self._unlock()
                self.path.rename(trashed)
        except FileNotFoundError:
            return None
        return trashed

    def _unlock(self) -> None:
        """Clear the flags with which a job has made the directory immutable."""
        with contextlib.suppress(OSError):
            directory = os.open(self.path, DIRECTORY)
            try:
                unlock(directory)
            finally:
                os.close(directory)


def _is_directory(path: Path) -> bool:
    """Whether the path is a directory, and not a symbolic link to one. Raises OSError."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
