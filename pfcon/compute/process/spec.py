"""Builds the supervisor's input for a job of the process engine. Pure."""

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NotRequired, TypedDict

from pfcon.compute.base import all_mounts, require_passable
from pfcon.compute.exits import at_time_limit
from pfcon.compute.process.gpus import VARIABLES
from pfcon.compute.process.leftovers import MARKER
from pfcon.compute.process.start import CANCELLED, FOLDER, GPUS, INTERPRETER, MEMORY, PIDS, SHM, STOPPED, TIME_LIMIT
from pfcon.compute.workers import MOST, number_variables, require_workers, worker_env
from pfcon.errors import Refused, refused
from pfcon.models import OUTGOING, JobSpec, Resources
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED as BY_CLIENT
from pfcon.reasons import Reason, Why, explain
from pfcon.units import MINUTE, mib_to_bytes, millicores_to_cores

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LOG_BYTES = 64 * 1024 * 1024  # the default size limit of a log
NO_SHM = "this machine gives a job no /dev/shm of its own: it needs root, or user namespaces for all users"
BASE_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108 - caches in the working directory would become outputs
}


class Gpus(TypedDict):
    """The GPUs that a job needs. directory: of the locks. ids: of all GPUs that jobs may have. count: for all workers.

    waiting: what users read while other jobs have them.
    """

    directory: str
    ids: list[str]
    count: int
    waiting: str


class Plan(TypedDict):
    """The input of the supervisor. memory, log_bytes, shm: bytes. grace: seconds from SIGTERM to SIGKILL.

    memory, pids, shm: of all workers together. cores: of each. numbers: the variables with the number of each.
    of_workers: further variables of each worker, which the supervisor adds.
    time_limit: seconds; after that the job is stopped. reasons: ``Why.note()`` of all that the supervisor may end the
    job for, by the constants of ``start``, and of why it can't be started, by the name of the error: the supervisor
    imports too little to write sentences.
    """

    command: str  # as the client wrote it, for messages
    argv: list[str]
    env: dict[str, str]
    cwd: str | None
    memory: int | None
    pids: int | None
    cores: int | None
    uid: int | None
    gid: int | None
    grace: float
    marker: str
    log_bytes: int
    workers: int
    numbers: list[str]
    time_limit: float | None
    gpus: Gpus | None
    shm: int | None
    of_workers: NotRequired[list[dict[str, str]]]
    reasons: dict[str, str]


def translate(text: str, mounts: Mapping[str, str]) -> str:
    """Replace the target ``T`` of a mount with its real directory: in ``T``, ``T/…``, and either after a ``=``.

    ``mounts`` maps targets to directories. Targets within a longer text (a shell script) are not replaced.
    """
    if not mounts:
        return text
    targets = "|".join(re.escape(target) for target in sorted(mounts, key=len, reverse=True))
    return re.sub(rf"(?:\A|(?<==))({targets})(?=/|\Z)", lambda found: mounts[found[1]], text)


def refuse(spec: JobSpec, euid: int, egid: int, gpus: tuple[str, ...] = ()) -> None:
    """Raise Refused if this engine, running as that user and group, can't run the job. gpus: ids, for all jobs."""
    require_workers(spec, MOST)
    if spec.resources.gpus * spec.resources.workers > len(gpus):
        raise refused(explain(Reason.UNSCHEDULABLE, never=_too_many_gpus(spec.resources, len(gpus))))
    if not spec.argv:
        raise Refused("the command is empty")
    user = spec.user
    if user and euid != 0 and (user.uid not in (None, euid) or user.gid not in (None, egid)):
        raise Refused("the process engine can run a job as another user or group only if pfcon runs as root")
    require_passable(spec)


def _too_many_gpus(resources: Resources, existing: int) -> str:
    needed = resources.gpus * resources.workers
    of_all = f" for {resources.workers} workers" if resources.workers > 1 else ""
    has = f"this machine has {existing} for jobs" if existing else "this machine has none for jobs"
    return f"gpu_limit: the job needs {needed} GPUs{of_all}, but {has} (PROCESS_GPUS)"


def make_plan(
    spec: JobSpec,
    storebase: StoreBase,
    grace: float,
    marker: str,
    euid: int,
    *,
    log_bytes: int = LOG_BYTES,
    minute: float = MINUTE,
    gpus: tuple[str, ...] = (),
) -> Plan:
    """Return the supervisor's input for a job. The job gets nothing of the service's own environment.

    minute: the length of a minute of the time limit, in seconds; tests use a shorter one. gpus: the ids of all GPUs
    that jobs may have; a job without any sees none of them.
    """
    mounts = {str(mount.target): str(storebase.root / mount.source) for mount in all_mounts(spec)}
    env = BASE_ENV | {key: translate(value, mounts) for key, value in worker_env(spec, 0)} | {MARKER: marker}
    if gpus:
        env |= dict.fromkeys(VARIABLES, "")  # ``gpus.give`` changes them
    resources, limits = spec.resources, _of_all(spec.resources)
    user = spec.user if euid == 0 else None  # otherwise it is the service's own: ``refuse`` has checked that
    return Plan(
        command=spec.argv[0],
        argv=[translate(word, mounts) for word in spec.argv],
        env=env,
        cwd=mounts.get(str(OUTGOING)),
        memory=None if limits.memory is None else mib_to_bytes(limits.memory),
        pids=limits.pids,
        cores=None if resources.cpu is None else millicores_to_cores(resources.cpu),
        uid=user.uid if user else None,
        gid=user.gid if user else None,
        grace=grace,
        marker=marker,
        log_bytes=log_bytes,
        workers=resources.workers,
        numbers=[*number_variables(spec)] if resources.workers > 1 else [],
        time_limit=None if resources.time_limit is None else resources.time_limit * minute,
        shm=None if limits.shm is None else mib_to_bytes(limits.shm),
        gpus=_gpus(resources, gpus, storebase),
        reasons={name: why.note() for name, why in _reasons(spec).items()},
    )


def _gpus(resources: Resources, ids: tuple[str, ...], storebase: StoreBase) -> Gpus | None:
    count = resources.gpus * resources.workers
    if not count:
        return None
    waiting = f"waiting for {count} of the {len(ids)} GPUs that this machine has for jobs: other jobs have them"
    return Gpus(directory=str(gpus_directory(storebase)), ids=[*ids], count=count, waiting=waiting)


def gpus_directory(storebase: StoreBase) -> Path:
    """Return the directory with the locks of this machine's GPUs: services of several machines may share storeBase.

    Services in several containers of one machine share them, too: they have the same boot_id (proc_sys_kernel(5)).
    """
    try:
        machine = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        machine = os.uname().nodename
    return storebase.private / "process-gpus" / machine


def _of_all(resources: Resources) -> Resources:
    """Return the limits of all workers together: the supervisor does not know which of them a process belongs to."""
    memory, pids, shm, workers = resources.memory, resources.pids, resources.shm, resources.workers
    return replace(
        resources, memory=memory and memory * workers, pids=pids and pids * workers, shm=shm and shm * workers
    )


def _reasons(spec: JobSpec) -> dict[str, Why]:
    """Return the reasons that a supervisor may have to give: see ``Plan``."""
    resources, command = _of_all(spec.resources), spec.argv[0]
    missing = explain(Reason.COMMAND_NOT_FOUND, command=command)
    refused = explain(Reason.NOT_EXECUTABLE, command=command)
    own = {SHM: explain(Reason.ENGINE_SETUP, cause=f"SHM_SIZE: {NO_SHM}")} if resources.shm else {}
    if resources.gpus:
        own[GPUS] = explain(Reason.ENGINE_SETUP, cause="the locks of the GPUs can't be used (.pfcon/process-gpus)")
    return own | {
        MEMORY: explain(Reason.OUT_OF_MEMORY, limit=resources.memory),
        PIDS: explain(Reason.TOO_MANY_PROCESSES, limit=resources.pids),
        TIME_LIMIT: at_time_limit(resources.time_limit),
        CANCELLED: BY_CLIENT,
        STOPPED: explain(Reason.INTERRUPTED, cause="the service or the machine was stopped"),
        FOLDER: explain(Reason.OUTPUT_UNWRITABLE, path=str(OUTGOING)),
        errno.errorcode[errno.ENOENT]: missing,
        INTERPRETER: explain(Reason.COMMAND_NOT_FOUND, script=command),
        errno.errorcode[errno.ENOTDIR]: missing,
        errno.errorcode[errno.EACCES]: refused,
        errno.errorcode[errno.EISDIR]: refused,
        errno.errorcode[errno.EPERM]: refused,
        errno.errorcode[errno.ENOEXEC]: explain(Reason.WRONG_ARCHITECTURE, command=command),
        errno.errorcode[errno.E2BIG]: explain(Reason.ARGUMENT_TOO_LONG),
        errno.errorcode[errno.EAGAIN]: explain(Reason.TOO_MANY_PROCESSES),
    }
