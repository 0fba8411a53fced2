"""The toy engine: jobs are processes of this machine, each with a keeper that outlives the service.

It ignores the image, the labels and the limits of a job, and gives no isolation. The service stops a job at its time
limit.
"""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from pfcon.compute.base import ComputeEngine, Mine, anyone, require_mine, require_passable
from pfcon.compute.kept_log import log_tail
from pfcon.compute.log import clean_log
from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails, parse_engine_name
from pfcon.os_errors import from_os_error, or_unreachable
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED, Why
from pfcon_toy.job import CANCEL, REMOVE, Job
from pfcon_toy.keeper import CONFLICT

LOG_BYTES = 1024 * 1024  # of a log, that ``logs`` gives at most
START_TIMEOUT = 60.0  # seconds for a keeper to claim its job
KILL_TIMEOUT = 30.0  # seconds for killed processes to end


class ToyEngine(ComputeEngine):
    """Runs jobs. grace: seconds from SIGTERM to SIGKILL of a cancel. log_bytes: how much of a job's log is kept."""

    name = "toy"
    by_path = True

    def __init__(self, storebase: StoreBase, *, grace: float, log_bytes: int) -> None:
        self._storebase = StoreBase(storebase.root.absolute())
        self._settings = [str(self._storebase.root), str(grace), str(log_bytes)]

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. Raises Refused for GPUs, several workers and another user."""
        refuse(spec)
        with self._storebase_errors():
            self._storebase.private_dir("toy")
            status = self._start_keeper(spec)
        if status == CONFLICT:
            raise Conflict(f"the toy engine has a job {spec.name} already")
        if status:  # before it claimed the name, or after that
            raise MaybeCreated(f"the keeper of {spec.name} has failed; see the service's log")
        return started(spec)

    def _start_keeper(self, spec: JobSpec) -> int:
        """The exit status of its first process. What it prints goes to the service's log."""
        try:
            keeper = subprocess.run(
                [sys.executable, "-P", "-m", "pfcon_toy.keeper", *self._settings],
                input=spec.to_json(),
                text=True,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # no secrets of the service
                timeout=START_TIMEOUT,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MaybeCreated(f"{spec.name} has not started in {START_TIMEOUT:.0f} s") from None
        return keeper.returncode

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine."""
        with self._open(name, mine) as (job, spec):
            info, end = started(spec), job.end()
            details = RunDetails(started_at=job.started_at(), exit_code=end.exit_code if end else None)
            info = replace(info, details=details)
            if end is None:
                return info
            why = end.why
            return replace(
                info,
                status=JobStatus.FAILED if why else JobStatus.SUCCEEDED,
                message=why.message,
                finished_at=datetime.fromtimestamp(end.finished_at, UTC),
                interrupted=why.interrupted,
                reason=why.reason,
            )

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine."""
        with self._open(name, mine) as (job, _):
            return clean_log(log_tail(job.descriptor, tail_lines, LOG_BYTES))

    def open_log(self, name: str, mine: Mine = anyone) -> int:
        """See ComputeEngine."""
        with self._open(name, mine) as (job, _):
            return os.dup(job.descriptor)

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine."""
        with self._open(name, mine) as (job, _):
            if job.end() is None:
                job.order(CANCEL, why.note())

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine. Raises Unreachable when processes can't be killed."""
        with suppress(Absent), self._open(name, mine) as (job, _):
            deadline = time.monotonic() + KILL_TIMEOUT
            while not job.lock():
                if not job.in_place():
                    return  # somebody else has removed it
                if time.monotonic() > deadline:
                    raise Unreachable(f"the processes of {name} have not ended in {KILL_TIMEOUT:.0f} s; try again")
                job.order(REMOVE)
                time.sleep(0.02)
            job.settle()
            grave = self._storebase.trash / f"toy-{uuid.uuid4().hex}"
            job.path.rename(grave)  # frees the name at once
            shutil.rmtree(grave, ignore_errors=True)  # the service removes what is left in the trash

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return self._of_each_job(activity)

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return self._of_each_job(lambda job: spec.request if (spec := job.spec()) else None)

    def _of_each_job(self, read: Callable[[Job], str | None]) -> dict[str, str]:
        """What ``read`` gives for each job, by name, without those for which it gives None. Raises Unreachable."""
        found = {}
        with self._storebase_errors():
            for path in self._storebase.private_dir("toy").iterdir():
                with suppress(FileNotFoundError), closing(Job(path)) as job:  # it may be removed meanwhile
                    text = read(job)
                    if text is not None:
                        found[path.name] = text
        return found

    def check(self) -> str:
        """See ComputeEngine: looks whether jobs can be written."""
        with self._storebase_errors():
            if not os.access(self._storebase.private_dir("toy"), os.W_OK | os.X_OK):
                raise Unreachable("the toy engine can't write to storeBase")
        return f"processes of this machine, {len(os.sched_getaffinity(0))} cores"

    @contextmanager
    def _open(self, name: str, mine: Mine) -> Iterator[tuple[Job, JobSpec]]:
        """A job that is the caller's. Raises Absent, Foreign, Unreachable."""
        absent = Absent(f"the toy engine has no job {name}")
        with self._storebase_errors():
            try:
                with closing(Job(self._storebase.private / "toy" / name)) as job:
                    spec = job.spec()
                    if spec is None:
                        raise absent
                    require_mine(name, spec.request, mine, service=spec.service, ended=job.has_ended)
                    yield job, spec
            except FileNotFoundError:
                raise or_unreachable(absent, self._storebase) from None

    @contextmanager
    def _storebase_errors(self) -> Iterator[None]:
        """Turn what the operating system says of storeBase into errors of pfcon."""
        try:
            yield
        except OSError as fault:
            raise from_os_error(fault, self._storebase) from fault


def started(spec: JobSpec) -> JobInfo:
    """What is known of a job that has not ended."""
    limit = spec.resources.time_limit
    return JobInfo(
        spec.name, JobStatus.STARTED, image=spec.image, argv=spec.argv, request=spec.request, time_limit=limit
    )


def activity(job: Job) -> str | None:
    """A text for the state of a job that has not ended, without changing it; None for others.

    A job whose keeper was killed has another text: ``info`` finds that it has ended.
    """
    if job.spec() is None or job.has_ended():
        return None
    return f"{job.started_at()} {'lost' if job.lock() else 'kept'}"


def refuse(spec: JobSpec) -> None:
    """Raise Refused for a job that this engine can never run."""
    parse_engine_name(spec.name)
    require_passable(spec)
    if not spec.argv:
        raise Refused("the job has no command")
    if spec.resources.gpus:
        raise Refused("gpu_limit: the toy engine has no GPUs")
    if spec.resources.workers != 1:
        raise Refused("number_of_workers: the toy engine runs one worker of a job")
    if spec.user and (spec.user.uid not in (None, os.geteuid()) or spec.user.gid not in (None, os.getegid())):
        raise Refused("the toy engine runs jobs as its own user")
