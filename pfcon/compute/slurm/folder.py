"""A job's directory. A job exists if its name is a link to a directory; creating the link claims the name.

.pfcon/slurm/
    <name>          a link to .<marker>; creating it claims the name
    .<marker>/      one attempt of one job
        spec.json   the JobSpec without its environment, which may hold a user's token
        lock        locked (flock) while the job is being submitted
        id          the Slurm job, once it was submitted
        cancel      why pfcon has cancelled the job; exists after that
        now         exists if the job has to be ended without a grace
        begun       exists after the job was first seen running
        end.json    the end of the job, as it was first detected
        order       if Slurm starts the container: the order for the job's script
        claim, exit, node.<n>, log, log.<n>    files of job.sh; for the logs see pfcon/compute/kept_log.py
        slurm.log, launcher.log                messages of Slurm and of the launcher
        job.sh, launch.sh, config.json, rootfs the files that run the job; launch.sh and config.json contain its
                                               environment, and exist until it has ended
"""

import contextlib
import errno
import json
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pfcon.compute.kept_log import log_tail
from pfcon.compute.log import tail
from pfcon.compute.slurm.reasons import Exit
from pfcon.compute.slurm.run import CLAIM, ORDER, PREVENTED, run_from, run_of, run_values
from pfcon.compute.words import plain
from pfcon.errors import Absent, DamagedJob
from pfcon.files.flags import READ
from pfcon.files.locks import locked
from pfcon.files.small_files import read_small
from pfcon.files.writing import replace_file
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails
from pfcon.reasons import CANCELLED, SUCCESS, Why

BEGUN = "begun"
LOG_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# If Slurm starts the container, a job can write to its own records: links in its directory are not followed.
_WITH_ENVIRONMENT = ("launch.sh", "config.json")
_OTHER = frozenset({errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.EFBIG, errno.ENXIO, errno.EISDIR})  # no usable file
_SPEC = 64 * 1024 * 1024  # bytes
_END = "end\n"  # the content of ``order`` that ends the job
_TEXT_LINES = 20
_TEXT = 16 * 1024  # bytes of a log in which a reason is searched


class JobFolder:
    """``path``: the directory, as this service sees it. Every method raises Absent if it is missing, and OSError."""

    engine, end_command = "slurm", "scancel"  # for messages; ``engine`` is also the name below .pfcon

    def __init__(self, root: Path, name: str, marker: str) -> None:
        self.link = root / name
        self.marker = marker
        self.path = root / f".{marker}"  # never the name of a job

    @classmethod
    def open(cls, root: Path, name: str) -> Self:
        """Return the directory of the job with that name. Raises Absent."""
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise Absent(f"there is no job {name} on {cls.engine}")
        try:
            return cls(root, name, os.readlink(root / name).removeprefix("."))
        except FileNotFoundError:
            raise Absent(f"there is no job {name} on {cls.engine}") from None

    @classmethod
    def prepare(cls, root: Path, spec: JobSpec) -> Self:
        """Create a directory for a job, without claiming its name."""
        folder = cls(root, spec.name, uuid.uuid4().hex)
        folder.path.mkdir(mode=0o700)
        return folder

    def claim(self) -> bool:
        """Claim the name, atomically; return False if another job has it."""
        try:
            self.link.symlink_to(self.path.name)
        except FileExistsError:
            return False
        return True

    def write(self, name: str, text: str) -> None:
        """Create or replace a file atomically, readable only by this user."""
        with self._absent():
            replace_file(self.path, name, text.encode("utf-8", "surrogateescape"))

    def write_all(self, texts: Mapping[str, str]) -> None:
        """Write these files to a directory that no other process uses yet."""
        for name, text in texts.items():
            with open(self.path / name, "w", encoding="utf-8", errors="surrogateescape", newline="") as writer:
                writer.write(text)

    @contextlib.contextmanager
    def submitting(self) -> Iterator[bool]:
        """A context that has the lock for submitting; its value is False if another process has the lock."""
        with ExitStack() as stack:
            with self._absent():
                ours = stack.enter_context(locked(self.path / "lock"))
            yield ours

    def spec(self) -> JobSpec:
        """Return the scheduled job, without its environment. Raises DamagedJob if it can't be read any more."""
        with self._absent():
            try:
                return JobSpec.from_json(read_small(self.path, "spec.json", _SPEC).decode())
            except (ValueError, KeyError, TypeError, RecursionError):
                # Not Absent: ``remove`` would return while the job runs.
                raise DamagedJob(
                    f"the records of job {self.link.name} on {self.engine} are damaged, and it may still run: end it"
                    f" with {self.end_command}, then delete .pfcon/{self.engine}/{self.link.name} in storeBase"
                ) from None

    @property
    def id(self) -> str | None:
        """The id of the Slurm job that has claimed the directory, or before that, of the submitted one."""
        with contextlib.suppress(FileNotFoundError):
            claimed = os.readlink(self.path / CLAIM)
            if claimed != PREVENTED:
                return claimed
        return self._text("id").strip() or None

    def keep_begun(self) -> None:
        """Record, for all processes, that the job has run."""
        if not self.begun():
            self.write(BEGUN, "")

    def begun(self) -> bool:
        """Return whether the job's script has begun, or the job was seen running."""
        if self.has(BEGUN):
            return True
        try:
            return os.readlink(self.path / CLAIM) != PREVENTED
        except FileNotFoundError:
            return False

    def prevent_start(self) -> bool:
        """Make sure that the job never starts, by claiming its directory; return False if it has started."""
        try:
            with self._absent():
                (self.path / CLAIM).symlink_to(PREVENTED)
        except FileExistsError:
            return os.readlink(self.path / CLAIM) == PREVENTED
        return True

    def cancellation(self) -> Why:
        """Return why pfcon has stopped the job; empty if it has not."""
        return (Why.of_note(plain(self._text("cancel"))) or CANCELLED) if self.has("cancel") else SUCCESS

    def age(self) -> float:
        """Return the seconds since the job was created."""
        with self._absent():
            return time.time() - (self.path / "spec.json").stat().st_mtime

    def exit(self) -> Exit | None:
        """Return the script's record of the end; None if it has not written one."""
        text = self._text("exit")
        if not text:
            return None
        status, _, word = text.strip().partition(" ")
        if not (status.isdecimal() and status.isascii() and len(status) < 4):
            return None
        with self._absent():
            at = datetime.fromtimestamp((self.path / "exit").stat().st_mtime, UTC)
        return Exit(int(status), word, at)

    def has(self, name: str) -> bool:
        """Return whether a file of that name exists.

        Lists the directory: opening it makes NFS check again; otherwise it caches for a while that a file is missing.
        """
        try:
            return name in os.listdir(self.path)
        except FileNotFoundError:
            return False

    def end(self, spec: JobSpec) -> JobInfo | None:
        """Return the recorded end; None before it was recorded."""
        text = self._text("end.json")
        if not text:
            return None
        try:
            found = json.loads(text)
            status, message = JobStatus(found["status"]), str(found["message"])
            at = found["finished_at"] and datetime.fromtimestamp(found["finished_at"], UTC)
            interrupted, reason = bool(found.get("interrupted")), str(found.get("reason", ""))
        except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
            return None
        return JobInfo(
            spec.name, status, message, spec.image, spec.argv, at, spec.request, interrupted, run_from(found), reason
        )

    def run(self) -> RunDetails:
        """Return when and where the job was placed and has started; see ``run_of``."""
        with self._absent():
            return run_of(self.path)

    def order_end(self) -> bool:
        """Order the script to end its container; return whether it is a script that accepts orders. Idempotent."""
        obeys = self.has(ORDER)
        if obeys and self._text(ORDER) != _END:
            self.write(ORDER, _END)
        return obeys

    def order_age(self) -> float:
        """Return the seconds since ``order_end``."""
        with self._absent():
            return time.time() - (self.path / ORDER).stat().st_mtime

    def keep_end(self, status: JobStatus, why: Why, at: datetime, run: RunDetails) -> None:
        """Record the end, because Slurm forgets it. The job's environment is deleted first.

        The container may still run although Slurm's job has ended: it is ordered to end, too.
        """
        if not self.has("exit"):
            self.order_end()
        for name in _WITH_ENVIRONMENT:
            (self.path / name).unlink(missing_ok=True)
        kept = {"message": why.message, "interrupted": why.interrupted, "reason": why.reason}
        end = {"status": status, **kept, "finished_at": at.timestamp(), **run_values(run)}
        self.write("end.json", json.dumps(end))

    def text_tail(self, name: str) -> str:
        """Return the last part of a text file; empty if missing."""
        return self.log_tail(name, _TEXT_LINES, _TEXT).decode("utf-8", "replace")

    def log_tail(self, name: str, lines: int, most: int) -> bytes:
        """Return the last lines of a file, at most ``most`` bytes; empty if missing."""
        try:
            file = os.open(self.path / name, READ)
        except OSError as fault:
            if fault.errno in _OTHER:
                return b""
            raise
        try:
            return tail(file, lines, most) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)

    def job_log(self, lines: int, most: int) -> bytes:
        """Return the last lines of the job's own log, at most ``most`` bytes; empty if missing."""
        try:
            directory = os.open(self.path, LOG_DIRECTORY)
        except FileNotFoundError:
            return b""
        try:
            return log_tail(directory, lines, most)
        finally:
            os.close(directory)

    def open_log(self) -> int:
        """Return an open directory with the job's log."""
        with self._absent():
            return os.open(self.path, LOG_DIRECTORY)

    def remove(self) -> None:
        """Release the name, unless it belongs to another job now, and delete the directory."""
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(self.link) == self.path.name:
                self.link.unlink()
        shutil.rmtree(self.path, ignore_errors=True)  # ``sweep`` removes the rest later

    def _text(self, name: str) -> str:
        """Return a file's text; empty if missing. Raises Absent if the directory is missing."""
        with self._absent():
            if name not in os.listdir(self.path):
                return ""
            try:
                return read_small(self.path, name, _TEXT).decode("utf-8", "replace")
            except FileNotFoundError:
                raise
            except OSError as fault:
                if fault.errno in _OTHER:
                    return ""
                raise

    @contextlib.contextmanager
    def _absent(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise Absent(f"there is no job {self.link.name} on {self.engine}") from None
