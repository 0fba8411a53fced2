"""The process engine: jobs are processes of this host, each below a supervisor that survives the service.

It needs no container engine, and isolates jobs only by users: a job can access the host's programs and all files that
its user may read. The image is ignored. Limits are enforced by checking the job's
processes at least twice a second: memory may exceed its limit between two checks; the cpu limit binds the job to as
many cores, rounded up.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pfcon.compute.base import ComputeEngine, Mine, anyone, require_mine
from pfcon.compute.listed import listed
from pfcon.compute.log import clean_log
from pfcon.compute.process import listing, supervisor
from pfcon.compute.process.job import JobFolder
from pfcon.compute.process.spec import LOG_BYTES as KEPT_LOG_BYTES
from pfcon.compute.process.spec import Plan, gpus_directory, make_plan, refuse
from pfcon.compute.process.state_file import SPARE, SPARE_BYTES, write_file
from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent, Conflict, Refused, StorageFull, Unreachable
from pfcon.files.faults import is_full
from pfcon.files.locks import wait_for_lock
from pfcon.models import JobInfo, JobSpec
from pfcon.paths import StoreBase
from pfcon.polling import polls
from pfcon.reasons import CANCELLED, Why
from pfcon.units import MINUTE

LOG_BYTES = 1024 * 1024
START_TIMEOUT = 60.0  # seconds for a supervisor to report that the command runs
_POLL = 0.005  # seconds between two checks
KILL_TIMEOUT = 30.0  # seconds for killed processes to end
STALE = 60.0  # seconds after which an unlocked directory counts as left by a crash
TEMPORARY, TRASHED = ".tmp-", ".gone-"


class ProcessEngine(ComputeEngine):
    """Runs jobs as processes beside the service. ``stop_grace``: seconds between SIGTERM and SIGKILL of a cancel.
    ``log_bytes``: the size limit of a job's log. ``minute``: the length of a minute of time limits, in seconds.
    ``gpus``: the ids of this machine's GPUs that jobs may have.

    Jobs survive a restart of the service, but not the end of its container or systemd unit, which ends all processes.
    """

    name = "process"
    log_reads_per_minute = None  # logs are files
    own_time_limit = True
    by_path = True

    def __init__(
        self,
        storebase: StoreBase,
        *,
        stop_grace: float = 10,
        log_bytes: int = KEPT_LOG_BYTES,
        minute: float = MINUTE,
        gpus: tuple[str, ...] = (),
    ) -> None:
        self._storebase = StoreBase(storebase.root.absolute())
        self._stop_grace = stop_grace
        self._log_bytes = log_bytes
        self._lister = listing.Lister()
        self._minute = minute
        self._gpus = gpus
        self._swept = -STALE  # when, in monotonic seconds
        self._sweep()

    def _sweep(self) -> None:
        """Remove what crashes have left, from time to time: when the service starts, some of it is too young."""
        if time.monotonic() - self._swept < STALE:
            return
        self._swept = time.monotonic()
        with contextlib.suppress(OSError):  # ``check`` reports a storeBase that is missing
            sweep(self._root)

    @property
    def _root(self) -> Path:
        return self._storebase.private / "process"

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. Raises Refused for GPUs that do not exist, and for another user if pfcon is not root."""
        refuse(spec, os.geteuid(), os.getegid(), self._gpus)
        if not _is_name(spec.name):
            raise Refused(f"{spec.name!r} can't be the name of a job")
        with self._storebase_errors(f"start {spec.name}"):
            self._storebase.private_dir("process")
            if spec.resources.gpus:
                gpus_directory(self._storebase).mkdir(mode=0o700, parents=True, exist_ok=True)
            if (self._root / spec.name).exists():
                raise _conflict(spec.name)
            self._start(spec)
            return self.info(spec.name)

    def _start(self, spec: JobSpec) -> None:
        marker = uuid.uuid4().hex
        directory = self._root / f"{TEMPORARY}{marker}"
        plan = json.dumps(self._plan(spec, marker))
        directory.mkdir(mode=0o700)
        try:
            lock = lay_out(directory, spec, marker)
            try:
                status = spawn(directory, self._root / spec.name, lock, plan)
            finally:
                os.close(lock)  # the supervisor has its own descriptor of the same lock
            if status == supervisor.CONFLICT:
                raise _conflict(spec.name)
            if status != 0:
                fault = directory.joinpath("supervisor.err").read_text(errors="replace").strip().splitlines()
                reason = fault[-1] if fault else f"status {status}"
                raise Unreachable(f"the supervisor of job {spec.name} could not be started: {reason}")
        finally:
            shutil.rmtree(directory, ignore_errors=True)  # it was renamed, or the start has failed

    def _plan(self, spec: JobSpec, marker: str) -> Plan:
        return make_plan(
            spec,
            self._storebase,
            self._stop_grace,
            marker,
            os.geteuid(),
            log_bytes=self._log_bytes,
            minute=self._minute,
            gpus=self._gpus,
        )

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine: a few small files are read."""
        with self._storebase_errors(f"read the state of {name}"), self._open(name, mine) as job:
            return job.info()

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine; at most the last MiB."""
        with self._storebase_errors(f"read the log of {name}"), self._open(name, mine) as job:
            return clean_log(job.log_tail(tail_lines, LOG_BYTES))

    def open_log(self, name: str, mine: Mine = anyone) -> int:
        """See ComputeEngine."""
        with self._storebase_errors(f"read the log of {name}"), self._open(name, mine) as job:
            return os.dup(job.descriptor)

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine: SIGTERM to all processes of the job, then SIGKILL."""
        with self._storebase_errors(f"cancel {name}"), self._open(name, mine) as job:
            if "finished_at" not in job.settle():
                job.cancel(why)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine: SIGKILL, without grace. Raises Unreachable if processes can't be killed."""
        trashed = self._root / f"{TRASHED}{uuid.uuid4().hex}"
        with self._storebase_errors(f"remove {name}"):
            with contextlib.suppress(Absent), self._open(name, mine) as job:
                self._end_and_trash(job, trashed)
            shutil.rmtree(trashed, ignore_errors=True)  # ``sweep`` removes the rest later

    def _end_and_trash(self, job: JobFolder, trashed: Path) -> None:
        for _ in polls(KILL_TIMEOUT, _POLL):
            with job.locked() as dead:
                if dead:
                    state = job.state()
                    if "finished_at" not in state:
                        job.end_leftovers(state)
                    job.release_name(trashed)
                    return
            job.order(supervisor.KILL)
        raise Unreachable(f"job {job.path.name} was killed, but its processes have not ended yet; try again")

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return self._list(self._lister.active_jobs)

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return self._list(listing.requests)

    def _list(self, read: Callable[[Path], dict[str, str]]) -> dict[str, str]:
        with self._storebase_errors("list jobs"):
            return listed(read, self._root, self._storebase)

    def check(self) -> str:
        """See ComputeEngine: checks whether jobs can be written."""
        with self._storebase_errors("run jobs"):
            self._storebase.private_dir("process")
            if not os.access(self._root, os.W_OK | os.X_OK):
                raise Unreachable(f"the process engine can't write to {self._root}")
        return f"processes of this host, {len(os.sched_getaffinity(0))} cores"

    @contextlib.contextmanager
    def _open(self, name: str, mine: Mine) -> Iterator[JobFolder]:
        with self._open_any(name) as job:
            spec = job.spec()
            require_mine(name, spec.request, mine, service=spec.service, ended=lambda: "finished_at" in job.state())
            yield job

    def _open_any(self, name: str) -> JobFolder:
        if not _is_name(name):
            raise Absent(f"there is no job {name} on the process engine")
        try:
            return JobFolder(self._root / name)
        except FileNotFoundError:
            if not self._storebase.root.is_dir():
                raise  # all of storeBase is missing: the job may still exist
            raise Absent(f"there is no job {name} on the process engine") from None

    @contextlib.contextmanager
    def _storebase_errors(self, action: str) -> Iterator[None]:
        self._sweep()
        try:
            yield
        except OSError as fault:
            reason = f"the process engine can't {action}: {fault.strerror or fault}"
            if is_full(fault):
                raise StorageFull(f"{reason}; storeBase has {self._storebase.free_bytes()} bytes free") from fault
            raise Unreachable(reason) from fault


def _conflict(name: str) -> Conflict:
    return Conflict(f"a job {name} already exists on the process engine")


def _is_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name


def lay_out(directory: Path, spec: JobSpec, marker: str) -> int:
    """Write the first files of a job's directory; return the descriptor of its lock, locked. Raises OSError."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        wait_for_lock(lock)
        os.mkfifo(directory / "control", 0o600)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in ("log", "supervisor.err"):
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=descriptor))
            write_file(descriptor, "spec.json", dataclasses.replace(spec, env=()).to_json())
            write_file(descriptor, "state.json", json.dumps({"marker": marker}))
            write_file(descriptor, SPARE, " " * SPARE_BYTES)
        finally:
            os.close(descriptor)
    except BaseException:  # also if the worker is asked to exit: nothing else closes the lock
        os.close(lock)
        raise
    return lock


def spawn(directory: Path, final: Path, lock: int, plan: str) -> int:
    """Start a supervisor and wait until its command runs; return the exit status of its first process.

    Raises MaybeCreated if that takes too long, OSError if no process can be created.
    """
    words = [sys.executable, "-I", "-S", supervisor.__file__, str(directory), str(final), str(lock)]
    kept = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}  # Python itself may need it
    with open(directory / "supervisor.err", "ab") as errors:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd="/",
            env=kept,
            pass_fds=(lock,),
            start_new_session=True,
        )
    with process:
        try:
            process.communicate(plan.encode() + b"\n", START_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise MaybeCreated(
                f"job {final.name} has not started in {START_TIMEOUT:.0f} s; it may have been created"
            ) from None
    return process.returncode


def sweep(root: Path) -> None:
    """Remove the directories of jobs whose creation or removal was interrupted by a crash. Raises OSError."""
    for entry in root.iterdir():
        young = time.time() - entry.lstat().st_mtime <= STALE
        if entry.name.startswith(TRASHED) or (entry.name.startswith(TEMPORARY) and not young):
            with contextlib.suppress(OSError), JobFolder(entry) as job:
                if _is_free(job):
                    shutil.rmtree(entry, ignore_errors=True)


def _is_free(job: JobFolder) -> bool:
    """Return whether no supervisor runs; if it was killed early, there is no lock."""
    try:
        with job.locked() as free:
            return free
    except Absent:
        return True
