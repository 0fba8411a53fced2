"""The directory of one job: all that the engine and the job's keeper know of the job is in its files.

.pfcon/toy/<name>/
    lock        locked with flock(2) for as long as the job's keeper lives
    spec.json   the JobSpec without its environment, which may hold a user's token
    log         what the job has written; it goes on in ``log.<n>`` (pfcon.compute.kept_log)
    started     when the command started, as Unix time
    cancel      an order to the keeper, with the reason; ``remove`` is another
    end.json    how the job has ended
"""

import contextlib
import fcntl
import json
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pfcon.files.small_files import read_small_at, write_small
from pfcon.models import JobSpec
from pfcon.reasons import CANCELLED, Reason, Why, explain

CANCEL, REMOVE = "cancel", "remove"
MARKER = "PFCON_TOY_JOB"  # a variable in the environment of every process of a job: the job's directory
_LOCK, _SPEC, _LOG, _STARTED, _END = "lock", "spec.json", "log", "started", "end.json"
_MOST = 64 * 1024 * 1024  # bytes of a file that is read


class End(NamedTuple):
    """How a job has ended. note: ``Why.note`` of why it failed, empty if it succeeded. finished_at: Unix time.

    exit_code: of the command, 128 + N for signal N; None if it is not known, or if the command was not started.
    """

    note: str
    interrupted: bool
    finished_at: float
    exit_code: int | None = None

    @property
    def why(self) -> Why:
        """Why the job failed; empty if it succeeded."""
        return replace(Why.of_note(self.note), interrupted=self.interrupted)


class Job:
    """A job's directory, held open: what is read belongs to one job, also when another job takes the name.

    Every method raises OSError; FileNotFoundError is a job that was removed meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._open = [self.descriptor]

    def close(self) -> None:
        """Close the directory, and release the lock. Call it once."""
        for descriptor in self._open:
            os.close(descriptor)

    def in_place(self) -> bool:
        """Whether this directory still has the job's name."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.descriptor))
        except FileNotFoundError:
            return False

    def lock(self) -> bool:
        """Take the lock until ``close``. False when a keeper has it, or when the job was removed."""
        lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=self.descriptor)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._open.append(lock)
        return self.in_place()

    def claim(self, spec: JobSpec) -> bool:
        """Make this directory the job's, and keep the lock. False when it is another job's already."""
        if not self.lock() or self.spec():
            return False
        os.close(os.open(_LOG, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=self.descriptor))
        write_small(self.path, _SPEC, replace(spec, env=()).to_json())
        return True

    def spec(self) -> JobSpec | None:
        """What was scheduled; None before a keeper has claimed the directory."""
        text = self._read(_SPEC)
        return JobSpec.from_json(text) if text else None

    def note_start(self) -> None:
        """Write down that the command starts now."""
        write_small(self.path, _STARTED, str(time.time()))

    def started_at(self) -> datetime | None:
        """When the command started; None before that."""
        text = self._read(_STARTED)
        return datetime.fromtimestamp(float(text), UTC) if text else None

    def recorded_end(self) -> End | None:
        """How the job has ended, if that was written down."""
        text = self._read(_END)
        return End(*json.loads(text)) if text else None

    def has_ended(self) -> bool:
        """Whether that was written down; changes nothing."""
        return self.recorded_end() is not None

    def end(self) -> End | None:
        """How the job has ended; None while it runs."""
        return self.recorded_end() or (self.settle() if self.lock() else None)

    def settle(self) -> End:
        """The end of a job without keeper, which is written down. Call it with the lock.

        If the keeper was killed, that is the end, and what is left of the job is killed too.
        """
        end = self.recorded_end()
        if end is None:
            kill_marked(f"{MARKER}={self.path}")
            why = explain(Reason.INTERRUPTED, cause="its keeper was killed, or the machine was restarted")
            end = End(why.note(), True, time.time())
            with contextlib.suppress(OSError):  # a full disk: the next look tries again
                self.write_end(end)
        return end

    def write_end(self, end: End) -> None:
        """Write down how the job has ended, atomically. Call it with the lock."""
        write_small(self.path, _END, json.dumps(end))

    def order(self, order: str, text: str = "") -> None:
        """Give the keeper an order. Repeatable: the first text stays."""
        with contextlib.suppress(FileExistsError):
            file = os.open(order, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self.descriptor)
            try:
                os.write(file, text.encode())
            finally:
                os.close(file)

    def cancellation(self) -> Why:
        """Why the job was cancelled."""
        return Why.of_note(self._read(CANCEL)) or CANCELLED

    def has(self, order: str) -> bool:
        """Whether an order was given."""
        return os.access(order, os.F_OK, dir_fd=self.descriptor)

    def _read(self, name: str) -> str:
        """The text of a file; empty where it is missing, or lost its content in a power cut."""
        try:
            return read_small_at(self.descriptor, name, _MOST).decode()
        except FileNotFoundError:
            return ""


def kill_marked(marker: str) -> None:
    """Kill every process that was started with a variable in its environment, ``NAME=value``."""
    for _ in range(500):  # again, for those that were started meanwhile
        if not sum(_kill_if_marked(int(path.name), marker.encode()) for path in Path("/proc").glob("[0-9]*")):
            break
        time.sleep(0.01)


def _kill_if_marked(number: int, marker: bytes) -> bool:
    try:
        process = os.pidfd_open(number)  # before the look: later the number may be another process's
    except OSError:
        return False
    try:
        if marker not in Path(f"/proc/{number}/environ").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:  # it has ended, or is another user's
        return False
    finally:
        os.close(process)
    return True
