"""Every path that pfcon makes below storeBase: one job's directories, and the service's own.

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
MARKS_NAME = ".pfcon-storebase"  # nodes pass through it, as they can't through the other where root has no rights
SECRETS_NAME = "secrets"
KEY_PREFIX = "key-"
AWAY = "storeBase is not there now; its file system may be unmounted"


def is_own(path: str) -> bool:
    """Whether a path below storeBase is, or lies in, what pfcon itself keeps there; no storage path may.

    Letters of either case are the same, as they are to some file systems.
    """
    top = path.partition("/")[0].casefold()
    return top in (PRIVATE_NAME, MARKS_NAME) or top.startswith(KEY_PREFIX)


@dataclass(frozen=True)
class StoreBase:
    """The directory that every compute node sees, as this service sees it.

    passable: whether all users of a host may pass through the jobs' directories to what is theirs. Engines that mount
    as root, or run as this service's user, need no such thing.
    """

    root: Path
    passable: bool = False

    def job(self, jid: JobId) -> "JobDir":
        """The directory of one job; nothing is created."""
        return JobDir(self, jid)

    @property
    def private(self) -> Path:
        """The service's own directory, readable by its user alone."""
        return self.root / PRIVATE_NAME

    def private_dir(self, name: str) -> Path:
        """A directory of the service's own, created where it is missing. Raises OSError."""
        path = self.private / name
        if not path.is_dir():
            self.private.mkdir(mode=0o700, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def spool(self) -> Path:
        """Where uploads wait, on storeBase's own file system."""
        return self.private_dir("spool")

    @property
    def trash(self) -> Path:
        """Where removed trees wait for their removal in the background."""
        return self.private_dir("trash")

    @staticmethod
    def secret_source(name: str) -> PurePosixPath:
        """The directory of a Secret's files, relative to storeBase, for a Mount."""
        return PurePosixPath(PRIVATE_NAME, SECRETS_NAME, name)

    def secret_dir(self, name: str) -> Path:
        """That directory, created where it is missing. Raises OSError."""
        path = self.private_dir(SECRETS_NAME) / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def is_there(self) -> bool:
        """Whether the directory is there now: a file system may be unmounted, or its server away."""
        return os.path.isdir(self.root)

    def holds(self, path: Path) -> bool:
        """Whether a directory of storeBase is there, itself, and no link to one.

        Raises Unreachable while storeBase is away.
        """
        if _is_directory(path):
            return True
        if not self.is_there():
            raise Unreachable(AWAY)
        return False

    def free_bytes(self) -> int:
        """Bytes that this user may still write. Raises OSError."""
        return free_bytes(self.root)


@dataclass(frozen=True)
class JobDir:
    """``key-<jid>`` and what lies in it."""

    storebase: StoreBase
    jid: JobId

    @property
    def name(self) -> str:
        """Name below storeBase."""
        return KEY_PREFIX + self.jid

    @property
    def path(self) -> Path:
        """The directory as this service sees it."""
        return self.storebase.root / self.name

    @property
    def incoming(self) -> Path:
        """The staged inputs; there only once they are complete."""
        return self.path / "incoming"

    @property
    def outgoing(self) -> Path:
        """The job's outputs."""
        return self.path / "outgoing"

    @property
    def incoming_source(self) -> PurePosixPath:
        """``incoming`` relative to storeBase, for a Mount."""
        return PurePosixPath(self.name, "incoming")

    @property
    def outgoing_source(self) -> PurePosixPath:
        """``outgoing`` relative to storeBase, for a Mount."""
        return PurePosixPath(self.name, "outgoing")

    def exists(self) -> bool:
        """Whether the job has a directory. What a job may have put in its place, as a link to one, is none.

        As the questions below: raises Unreachable while storeBase is away.
        """
        return self.storebase.holds(self.path)

    def is_taken(self) -> bool:
        """Whether there is anything under that name."""
        return os.path.lexists(self.path) or self.exists()

    def is_staged(self) -> bool:
        """Whether the inputs are there, complete."""
        return self.storebase.holds(self.incoming)

    def has_outputs(self) -> bool:
        """Whether there is a directory of outputs."""
        return self.storebase.holds(self.outgoing)

    def make(self) -> None:
        """Create the directory. Raises OSError, also when something else has its name.

        Nobody but this service's user gets in, unless storeBase is ``passable``: then others may pass, not list.
        """
        mode = 0o711 if self.storebase.passable else 0o700
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=mode)
            return
        if not self.exists():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.path))

    def let_pass(self, user: User | None) -> None:
        """Let a job's user pass through the directory, where no engine mounts what lies in it: by group, not list.

        Only root may do that, and only it runs jobs as other users there. Raises OSError.
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
        """Create an empty directory to stage in, which ``complete`` renames to ``incoming``. Raises OSError."""
        self.make()
        partial = self.path / f"incoming.{uuid.uuid4().hex}.partial"
        partial.mkdir(mode=0o755)
        return partial

    def new_scratch(self) -> Path:
        """Create an empty directory for files that are not complete. Raises OSError.

        Whoever made it removes it; after a kill it counts as an earlier try, and goes with these.
        """
        scratch = self.path / f"incoming.{uuid.uuid4().hex}.old"
        scratch.mkdir(mode=0o700)
        return scratch

    def earlier_attempts(self) -> list[Path]:
        """Return the directories of incomplete attempts to stage. They can't complete after this. Raises OSError.

        An attempt that still runs fails, instead of completing a tree from which files were moved.
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
        """Make staged inputs an earlier try: a later one verifies and reuses their files. Raises OSError.

        No job may be using them. Without any, nothing is done.
        """
        with contextlib.suppress(FileNotFoundError):
            self.incoming.rename(self.path / f"incoming.{uuid.uuid4().hex}.old")

    def complete(self, partial: Path) -> None:
        """Make a staged tree appear, whole, as ``incoming``. Raises OSError when there is one already."""
        partial.rename(self.incoming)

    def make_outgoing(self, user: User | None) -> None:
        """Create ``outgoing``, writable by the job's user.

        The job directory must exist. Where this service may not give it to that user, or does not know the user
        (the image names one), it is writable by all; but ``key-<jid>`` above it lets nobody in. Raises OSError.
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

    def discard_outgoing(self) -> Path | None:
        """Move ``outgoing``, with all that it holds, to the trash; returns where it waits for removal there.

        None where there was none. Raises OSError.
        """
        trashed = self.storebase.trash / f"{self.name[:100]}.{uuid.uuid4().hex}"
        try:
            self.outgoing.rename(trashed)
        except FileNotFoundError:
            return None
        return trashed

    def discard(self) -> Path | None:
        """Move the whole directory to the trash atomically; returns where it waits for removal there.

        A job may have put something else in its place: then that, never what a link leads to. None where there was
        nothing. Raises OSError.
        """
        waiting = self.storebase.trash / f"{self.name[:100]}.{uuid.uuid4().hex}"
        try:
            try:
                self.path.rename(waiting)
            except PermissionError:
                self._unlock()
                self.path.rename(waiting)
        except FileNotFoundError:
            return None
        return waiting

    def _unlock(self) -> None:
        """Make the directory one that may be renamed, where a job made it immutable."""
        with contextlib.suppress(OSError):
            directory = os.open(self.path, DIRECTORY)
            try:
                unlock(directory)
            finally:
                os.close(directory)


def _is_directory(path: Path) -> bool:
    """Whether there is a directory, itself."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
