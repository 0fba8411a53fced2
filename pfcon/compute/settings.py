"""The settings that all engines share: the engine, its access to storeBase, and the options of jobs."""

import random
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from pfcon.models import User
from pfcon.settings import kinds
from pfcon.settings.kinds import Kind
from pfcon.settings.section import NoSettings, setting

_IDS = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?", re.ASCII)
MAX_TIME_LIMIT = 10**6  # minutes
_MAX_ID = 2**32 - 2  # 2^32-1 is (uid_t)-1, "leave as it is" in chown(2)


_LABELS = kinds.pairs()


class JobOption(StrEnum):
    """Options of jobs that not every engine supports, or that some engine requires; each is named like its variable."""

    USER = "CONTAINER_USER"
    SHM = "SHM_SIZE"
    PIDS = "PFCON_PIDS_LIMIT"
    LABELS = "JOB_LABELS"
    NODES = "NODE_SELECTOR"
    TIME_LIMIT = "TIMELIMIT_MINUTES"


class JobField(StrEnum):
    """Fields of a job's request that not every engine can honour."""

    CPU = "cpu_limit"
    MEMORY = "memory_limit"
    GPUS = "gpu_limit"
    WORKERS = "number_of_workers"
    TIME_LIMIT = "time_limit"


def node_selector() -> Any:
    """Return the field of an engine's section for NODE_SELECTOR, which several engines have."""
    return setting(JobOption.NODES, _LABELS, "Labels of the nodes that run jobs.", unset=(), exclusive=True)


@dataclass(frozen=True)
class VolumeType:
    """A way in which an engine accesses storeBase: a value of COMPUTE_VOLUME_TYPE.

    variable: the setting with storeBase's location for the engine. required: whether the engine can't detect that.
    """

    name: str
    variable: str
    required: bool


HOST = VolumeType("host", "STOREBASE", required=True)
DOCKER_LOCAL_VOLUME = VolumeType("docker_local_volume", "VOLUME_NAME", required=False)
KUBERNETES_PVC = VolumeType("kubernetes_pvc", "VOLUME_NAME", required=True)


@dataclass(frozen=True)
class IdRange:
    """An inclusive range of numeric ids; a single id has ``low == high``."""

    low: int
    high: int

    def choose(self) -> int:
        """Return a random id of the range."""
        return random.randint(self.low, self.high)  # noqa: S311 - spreads ids, protects nothing


@dataclass(frozen=True)
class ContainerUser:
    """CONTAINER_USER; None: as in the image."""

    uid: IdRange | None
    gid: IdRange | None

    def choose(self) -> User:
        """Return the user for one job."""
        return User(self.uid.choose() if self.uid else None, self.gid.choose() if self.gid else None)


def container_user() -> Kind[ContainerUser]:
    """Return the kind of a setting ``UID:GID``, see ContainerUser."""

    def parse(value: str) -> ContainerUser:
        uid, colon, gid = value.partition(":")
        if not colon:
            raise ValueError
        return ContainerUser(_id_range(uid), _id_range(gid))

    return Kind(f"UID:GID. Each is a number, a range LOW-HIGH, or empty; numbers from 0 to {_MAX_ID}", parse)


def _id_range(value: str) -> IdRange | None:
    if not value:
        return None
    low, high = kinds.match(_IDS, value).groups()
    found = IdRange(int(low), int(high or low))
    if not found.low <= found.high <= _MAX_ID:
        raise ValueError
    return found


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """The engine, and the options of all jobs.

    ``engine`` and ``volume_type`` are names; ``own`` is the engine's own section.
    shm: MiB. pids: processes and threads of one job. timelimit: minutes. log_bytes: limit for a log that pfcon writes.
    """

    engine: str = setting(
        "CONTAINER_ENV", kinds.text("the name of an engine"), "The engine that runs the jobs.", derived=True
    )
    volume_type: str = setting(
        "COMPUTE_VOLUME_TYPE", kinds.text("the name of a volume type"), "How jobs access storeBase.", derived=True
    )
    storebase: PurePosixPath | None = setting(
        "STOREBASE",
        kinds.directory(),
        "Path of storeBase on the compute nodes; for `COMPUTE_VOLUME_TYPE=host`.",
        note="required for `host`; process: `STOREBASE_MOUNT`",
    )
    volume_name: str | None = setting(
        "VOLUME_NAME",
        kinds.text("letters, digits, '_', '.' and '-'", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}"),
        "The volume or PersistentVolumeClaim that is storeBase.",
        note="required for `kubernetes_pvc`; docker, swarm: found through `PFCON_SELECTOR`",
    )
    op_image: str | None = setting(
        "PFCON_OP_IMAGE",
        kinds.text("the name of an image", r"[^\s\x00-\x1f\x7f]+"),
        "Image that runs copy, upload and delete jobs on the engine.",
        note="the jobs run beside the service",
    )
    user: ContainerUser | None = setting(
        JobOption.USER,
        container_user(),
        "User and group of jobs; from a range, each job gets a random id. An empty part means the image's own.",
        exclusive=True,
    )
    home_workaround: bool = setting(
        "ENABLE_HOME_WORKAROUND", kinds.boolean(), "Gives jobs `HOME=/tmp`.", default="false"
    )
    shm: int | None = setting(
        JobOption.SHM,
        kinds.number(1, 2**24, "MiB"),
        "Size of a job's /dev/shm.",
        note="as the engine sets it",
        exclusive=True,
    )
    pids: int = setting(
        JobOption.PIDS,
        kinds.number(1, 2**22),
        "Largest number of processes and threads of one job.",
        default="4096",
        exclusive=True,
    )
    labels: tuple[tuple[str, str], ...] = setting(
        JobOption.LABELS, kinds.pairs(), "Labels that jobs get on the engine.", unset=(), exclusive=True
    )
    logs_tail: int = setting(
        "JOB_LOGS_TAIL",
        kinds.number(1, 100_000, "lines"),
        "Number of lines from the end of the log in an answer.",
        default="1000",
    )
    message_in_log: bool = setting(
        "PFCON_MESSAGE_IN_LOG",
        kinds.boolean(),
        "Whether the log in an answer ends with the message of a job that failed or waits, as `pfcon: ...`: ChRIS "
        "shows users only the log.",
        default="true",
    )
    log_bytes: int = setting(
        "PFCON_LOG_BYTES",
        kinds.size(low=64 * 1024),
        "Size limit of the log of a job that pfcon keeps; its first and its last part are kept.",
        default="64 MiB",
    )
    ignore_limits: bool = setting(
        "IGNORE_LIMITS", kinds.boolean(), "Jobs get no CPU and memory limits.", default="false"
    )
    remove_jobs: bool = setting(
        "REMOVE_JOBS", kinds.boolean(), "Whether `DELETE` removes jobs from the engine.", default="true"
    )
    timelimit: int | None = setting(
        JobOption.TIME_LIMIT,
        kinds.number(1, MAX_TIME_LIMIT, "minutes"),
        "Time limit of plugin jobs; a request may ask for a shorter one. With `slurm`, `htcondor` and "
        "`cromwell`, also that of copy, upload and delete jobs that run on the engine.",
        note="none; required for slurm, htcondor and cromwell",
    )
    own: Any = NoSettings()
