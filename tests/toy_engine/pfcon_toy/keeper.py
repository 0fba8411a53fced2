"""The keeper of one job: a process that starts the job's command, and stays until all of the job has ended.

``python -m pfcon_toy.keeper STOREBASE GRACE LOG_BYTES``, with a JobSpec as JSON on its standard input. It claims the
job's name, and leaves a child that keeps the job: so the job goes on when the service ends.
"""

import contextlib
import ctypes
import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from pfcon.compute.base import all_mounts
from pfcon.compute.exits import by_exit_code
from pfcon.compute.log_writer import KeptLog
from pfcon.compute.workers import worker_env
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.reasons import Reason, Why, explain
from pfcon_toy.job import CANCEL, MARKER, REMOVE, End, Job

CONFLICT = 3  # exit status: the name has a job already
LOOK = 0.1  # seconds between two looks for orders
BASE_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38  # prctl(2)


class Keeper:
    """Keeps one job. grace: seconds from SIGTERM to SIGKILL. log_bytes: how much of its log is kept."""

    def __init__(self, job: Job, spec: JobSpec, storebase: StoreBase, *, grace: float, log_bytes: int) -> None:
        self._job, self._spec, self._grace, self._log_bytes = job, spec, grace, log_bytes
        self._mounts = {str(mount.target): str(storebase.root / mount.source) for mount in all_mounts(spec)}
        self._cwd = storebase.root / spec.outputs if spec.outputs else job.path
        self.exit_code: int | None = None

    def run(self) -> Why:
        """Run the command until all of its processes have ended; why it failed."""
        prctl(PR_SET_CHILD_SUBREAPER)  # a process of the job that loses its parent becomes a child of this one
        prctl(PR_SET_NO_NEW_PRIVS)  # and none gets another user, whom this one could not signal
        output, job_output = os.pipe()  # not the file itself: ``> /dev/stderr`` in a script would empty it
        try:
            command = self._start(job_output)
        except OSError as fault:
            return start_fault(fault, self._spec.argv[0])
        finally:
            os.close(job_output)
        with contextlib.suppress(OSError):  # a full disk: the time is not known then
            self._job.note_start()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # ``sigtimedwait`` gets it
        copying = threading.Thread(target=self._copy, args=(output,), daemon=True)
        copying.start()
        why = self._watch(command.pid)
        copying.join(timeout=10)  # it ends with the last process that can write
        return why

    def _start(self, output: int) -> "subprocess.Popen[bytes]":
        env = BASE_ENV | dict(worker_env(self._spec, 0)) | {MARKER: str(self._job.path)}
        return subprocess.Popen(
            [self._translate(word) for word in self._spec.argv],
            cwd=self._cwd,
            env={key: self._translate(value) for key, value in env.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            umask=0o022,
            start_new_session=True,
        )

    def _translate(self, text: str) -> str:
        """Put the real directory where a word begins with a mount's target, or has it behind ``=``."""
        targets = "|".join(map(re.escape, sorted(self._mounts, reverse=True))) or "(?!)"
        return re.sub(rf"(?<![^=])(?:{targets})(?=/|\Z)", lambda found: self._mounts[found[0]], text)

    def _watch(self, command: int) -> Why:
        """Follow orders until the command has ended, then end what it has left."""
        kill_at: float | None = None
        while self._reap(command) and self.exit_code is None:
            if self._job.has(REMOVE) or (kill_at is not None and time.monotonic() >= kill_at):
                break
            if kill_at is None and self._job.has(CANCEL):
                os.killpg(command, signal.SIGTERM)
                kill_at = time.monotonic() + self._grace
            signal.sigtimedwait({signal.SIGCHLD}, LOOK)
        while self._reap(command):
            for child in children():
                os.kill(child, signal.SIGKILL)
            signal.sigtimedwait({signal.SIGCHLD}, LOOK)
        if kill_at is not None or self._job.has(REMOVE):
            return self._job.cancellation()
        return by_exit_code(self.exit_code or 0, may_be_lost=False)

    def _reap(self, command: int) -> bool:
        """Take note of children that have ended; whether any are left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                number, status = os.waitpid(-1, os.WNOHANG)
                if not number:
                    return True
                if number == command:
                    code = os.waitstatus_to_exitcode(status)
                    self.exit_code = code if code >= 0 else 128 - code
        return False

    def _copy(self, output: int) -> None:
        """Copy what the job writes to its log; what a full disk does not take is lost."""
        log = KeptLog(self._job.descriptor, self._log_bytes)
        while block := os.read(output, 64 * 1024):
            with contextlib.suppress(OSError):
                log.append(block)


def children() -> list[int]:
    """The children of this process, which has started all of them in its first thread: proc_pid_task(5)."""
    number = os.getpid()
    return [int(child) for child in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def prctl(option: int) -> None:
    """Switch an option of this process on. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def start_fault(fault: OSError, command: str) -> Why:
    """Why a command could not be started."""
    reasons = {
        errno.ENOENT: Reason.COMMAND_NOT_FOUND,
        errno.ENOTDIR: Reason.COMMAND_NOT_FOUND,
        errno.EACCES: Reason.NOT_EXECUTABLE,
        errno.ENOEXEC: Reason.WRONG_ARCHITECTURE,
    }
    return explain(reasons.get(fault.errno or 0, Reason.ENGINE_FAULT), command=command, cause=fault.strerror)


def finish(job: Job, why: Why, exit_code: int | None) -> None:
    """Write down how the job has ended; on a full disk again and again, until it has room or the job is removed."""
    while True:
        try:
            return job.write_end(End(why.note(), why.interrupted, finished_at=time.time(), exit_code=exit_code))
        except OSError:
            if job.has(REMOVE):
                return None
            time.sleep(1)


def main(root: str, grace: str, log_bytes: str) -> int:
    """Claim the job's name, and leave a child that keeps the job; the exit status."""
    storebase = StoreBase(Path(root))
    spec = JobSpec.from_json(sys.stdin.read())
    path = storebase.private_dir("toy") / spec.name
    path.mkdir(mode=0o700, exist_ok=True)
    try:
        job = Job(path)
        claimed = job.claim(spec)
    except FileNotFoundError:  # the job that had the name is being removed
        return CONFLICT
    if not claimed:
        return CONFLICT
    if os.fork():
        return 0
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # the service waits for their end
        os.dup2(null, descriptor)
    keeper = Keeper(job, spec, storebase, grace=float(grace), log_bytes=int(log_bytes))
    finish(job, keeper.run(), keeper.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
