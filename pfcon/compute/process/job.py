"""One job's directory of the process engine, as the service reads it.

.pfcon/process/<name>/
    spec.json    the JobSpec without its environment, which may contain a user's token
    state.json   state.State
    state.spare  space for the final state, until that is written
    lock         locked (flock) as long as the supervisor runs
    control      a named pipe, from which the supervisor reads orders
    cancel       why the job was cancelled, unless that is "cancelled"
    log          merged stdout and stderr, and ``log.<n>``: see pfcon/compute/kept_log.py
"""

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pfcon.compute.kept_log import log_tail
from pfcon.compute.process.leftovers import kill_marked
from pfcon.compute.process.state import State, details_of, outcome, progress
from pfcon.compute.process.state_file import write_last_state, write_message
from pfcon.compute.process.supervisor import CANCEL
from pfcon.errors import Absent
from pfcon.files.closing import Closing
from pfcon.files.faults import is_full
from pfcon.files.flags import GUARDED
from pfcon.files.locks import try_lock
from pfcon.files.small_files import read_small_at
from pfcon.models import JobInfo, JobSpec
from pfcon.reasons import CANCELLED, Reason, Why, explain

SPEC_BYTES, STATE_BYTES = 64 * 1024 * 1024, 64 * 1024
DIED = explain(
    Reason.INTERRUPTED, cause="the machine was restarted, or the program of pfcon that runs the job was killed"
)


class JobFolder(Closing):
    """A job's open directory: all methods use the same job, even if its name now belongs to another one.

    Every method raises Absent if the job is being removed, and OSError.
    """

    def __init__(self, path: Path) -> None:
        """Open it. Raises FileNotFoundError, OSError."""
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Close the directory; call it once."""
        os.close(self.descriptor)

    def open(self, name: str, flags: int) -> int:
        """Open a file of the directory."""
        try:
            return os.open(name, flags | GUARDED, dir_fd=self.descriptor)
        except FileNotFoundError:
            raise Absent(f"there is no job {self.path.name} on the process engine") from None

    def _read(self, name: str, most: int) -> bytes:
        """Return a file's content; empty if a job of this user has replaced or enlarged the file."""
        try:
            return read_small_at(self.descriptor, name, most)
        except FileNotFoundError:
            raise Absent(f"there is no job {self.path.name} on the process engine") from None
        except OSError as fault:
            if fault.errno in (errno.ELOOP, errno.EINVAL, errno.EFBIG, errno.ENXIO):
                return b""
            raise

    def spec(self) -> JobSpec:
        """Return the scheduled job. Raises Absent if it can't be read any more."""
        try:
            return JobSpec.from_json(self._read("spec.json", SPEC_BYTES).decode())
        except (ValueError, KeyError, TypeError, RecursionError):
            # Not DamagedJob: a job of the service's own user can damage its records, and must not prevent its DELETE by
            # that. It is not started a second time: ``schedule`` raises Conflict while the directory exists.
            raise Absent(f"the process engine's records of job {self.path.name} are damaged") from None

    def state(self) -> State:
        """Return the last state that the supervisor has written; empty if it can't be read any more."""
        try:
            state: State = json.loads(self._read("state.json", STATE_BYTES))
        except (ValueError, RecursionError):
            return {}
        return state if isinstance(state, dict) and isinstance(state.get("reason", ""), str) else {}

    def info(self) -> JobInfo:
        """Return the state of the job."""
        spec = self.spec()
        state = self.settle()
        ended = state.get("finished_at")
        status, why = outcome(state) if ended is not None else progress(state)
        finished_at = None if ended is None else datetime.fromtimestamp(ended, UTC)
        return JobInfo(
            spec.name,
            status,
            why.message,
            spec.image,
            spec.argv,
            finished_at,
            spec.request,
            why.interrupted,
            details_of(state),
            why.reason,
        )

    def settle(self) -> State:
        """Return the state; if the supervisor died without a final one, end the job and write its final state."""
        state = self.state()
        if "finished_at" in state:
            return state
        with self.locked() as dead:
            if not dead:
                return state
            state = self.state()  # it may have ended between the two checks
            if "finished_at" not in state:
                self.end_leftovers(state)
                state = {**state, "reason": DIED.note(), "interrupted": True, "finished_at": time.time()}
                with contextlib.suppress(OSError):  # the next call writes it
                    write_last_state(self.descriptor, state)
            return state

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Try to take the lock; False if the supervisor has it, or, for a moment, another caller."""
        lock = self.open("lock", os.O_RDWR)
        try:
            yield try_lock(lock)
        finally:
            os.close(lock)

    def end_leftovers(self, state: State) -> None:
        """Kill the processes of a job whose supervisor has died."""
        if marker := state.get("marker"):
            kill_marked(marker)

    def cancel(self, why: Why) -> None:
        """Order the supervisor to stop the job for that reason."""
        if why != CANCELLED:
            write_message(self.descriptor, why.note())
        self.order(CANCEL)

    def order(self, order: bytes) -> None:
        """Send an order to the supervisor; no-op if it has ended."""
        try:
            control = self.open("control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as fault:
            if fault.errno == errno.ENXIO:
                return
            raise
        try:
            # The pipe is full of unread orders; or the supervisor has ended since the pipe was opened.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(control, order)
        finally:
            os.close(control)

    def release_name(self, trashed: Path) -> None:
        """Release the name; the caller must have the lock. No-op if the name belongs to another job now, or to none."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path), os.fstat(self.descriptor)):
                try:
                    self.path.rename(trashed)
                except OSError as fault:
                    if not is_full(fault):
                        raise
                    shutil.rmtree(self.path)  # on a full disk, there may be no space for a longer name

    def log_tail(self, lines: int, most: int) -> bytes:
        """Return the last lines of the log, at most ``most`` bytes."""
        os.close(self.open("log", os.O_RDONLY))  # it exists from the beginning
        return log_tail(self.descriptor, lines, most)
