"""What the process engine makes of a JobSpec. Pure."""

import re
from collections.abc import Mapping
from typing import TypedDict

from pfcon.compute.base import all_mounts, require_passable
from pfcon.errors import Refused
from pfcon.models import OUTGOING, JobSpec
from pfcon.paths import StoreBase
from pfcon.units import mib_to_bytes, millicores_to_cores

LOG_BYTES = 64 * 1024 * 1024  # that are kept of a log
MARKER = "PFCON_JOB"  # in the environment of every process of a job
BASE_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108 - its working directory would turn caches into outputs
}


class Plan(TypedDict):
    """The input of the supervisor. memory, log_bytes: bytes. grace: seconds from SIGTERM to SIGKILL."""

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


def translate(text: str, mounts: Mapping[str, str]) -> str:
    """Put a mount's real directory where a word names its target: ``T``, ``T/…``, or either after a ``=``.

    ``mounts`` maps targets to directories. Targets within a longer text (a shell script) stay as they are.
    """
    if not mounts:
        return text
    targets = "|".join(re.escape(target) for target in sorted(mounts, key=len, reverse=True))
    return re.sub(rf"(?:\A|(?<==))({targets})(?=/|\Z)", lambda found: mounts[found[1]], text)


def refuse(spec: JobSpec, euid: int, egid: int) -> None:
    """Raise Refused when this engine, run as that user and group, can't run such a job."""
    if spec.resources.gpus:
        raise Refused(f"gpu_limit: the process engine can't reserve GPUs, {spec.resources.gpus} asked for")
    if spec.resources.workers != 1:
        raise Refused(
            f"number_of_workers: the process engine runs one worker of a job, {spec.resources.workers} asked for"
        )
    if not spec.argv:
        raise Refused("the job has no command")
    user = spec.user
    if user and euid != 0 and (user.uid not in (None, euid) or user.gid not in (None, egid)):
        raise Refused("the process engine gives a job another user or group only when pfcon runs as root")
    require_passable(spec)


def make_plan(
    spec: JobSpec, storebase: StoreBase, grace: float, marker: str, euid: int, *, log_bytes: int = LOG_BYTES
) -> Plan:
    """What the supervisor has to do for a job. Its environment begins clean: nothing of the service's own."""
    mounts = {str(mount.target): str(storebase.root / mount.source) for mount in all_mounts(spec)}
    env = BASE_ENV | {key: translate(value, mounts) for key, value in spec.env} | {MARKER: marker}
    resources = spec.resources
    user = spec.user if euid == 0 else None  # otherwise it is the service's own, as ``refuse`` has seen
    return Plan(
        command=spec.argv[0],
        argv=[translate(word, mounts) for word in spec.argv],
        env=env,
        cwd=mounts.get(str(OUTGOING)),
        memory=None if resources.memory is None else mib_to_bytes(resources.memory),
        pids=resources.pids,
        cores=None if resources.cpu is None else millicores_to_cores(resources.cpu),
        uid=user.uid if user else None,
        gid=user.gid if user else None,
        grace=grace,
        marker=marker,
        log_bytes=log_bytes,
    )
