"""A job with the paths of its node, from which the files for launchers and Slurm are built. Pure."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Self

from pfcon.compute.base import all_mounts, require_passable
from pfcon.compute.slurm.cdi import Edits
from pfcon.compute.workers import INDEX, NAMES, WORKER, WORKERS, own_env, require_workers
from pfcon.errors import Refused
from pfcon.models import JobSpec

_OF_SLURM = re.compile(r"(?:SLURM|PMIX)_[A-Z0-9_]+")
# The batch system sets these for a job with GPUs: which ones it may use (Slurm, gres.conf(5); HTCondor, "GPUs").
OF_GPUS = (
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ROCR_VISIBLE_DEVICES"),
    "ZE_AFFINITY_MASK",
)
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An unpacked image. rootfs: its path on the nodes. env: the image's own. cwd: the working directory."""

    rootfs: PurePosixPath
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "/"


@dataclass(frozen=True)
class Bind:
    """A directory of the node that is mounted at ``target``."""

    source: PurePosixPath
    target: PurePosixPath
    read_only: bool


@dataclass(frozen=True)
class NodeJob:
    """A job with the paths of its node.

    marker: a unique, random name. image: as the job names it. directory: the job's own directory, with its script and
    records. uid, gid: of the user who submits jobs; a container's root is that user. user: uid and gid of the job in
    its container, None for root. shm: the size of /dev/shm in MiB. edits: what the bundle of a job with GPUs has.
    """

    marker: str
    directory: PurePosixPath
    image: str
    rootfs: PurePosixPath
    argv: tuple[str, ...]
    env: dict[str, str] = field(repr=False)  # may contain a user's token
    cwd: str
    binds: tuple[Bind, ...]
    uid: int
    gid: int
    gpus: int
    workers: int
    user: tuple[int, int] | None = None
    shm: int | None = None
    edits: Edits | None = None

    @classmethod
    def of(
        cls,
        spec: JobSpec,
        marker: str,
        image: Image,
        *,
        directory: PurePosixPath,
        root: PurePosixPath,
        user: tuple[int, int],
    ) -> Self:
        """Return a job with the paths of its node. root: the path of storeBase on the nodes. user: uid and gid."""
        return cls(
            marker=marker,
            directory=directory,
            image=spec.image,
            rootfs=image.rootfs,
            argv=spec.argv,
            env={"PATH": DEFAULT_PATH, **_env(spec, image)},
            cwd=image.cwd,
            binds=tuple(Bind(root / mount.source, mount.target, mount.read_only) for mount in all_mounts(spec)),
            uid=user[0],
            gid=user[1],
            gpus=spec.resources.gpus,
            workers=spec.resources.workers,
            user=_user(spec, user),
            shm=spec.resources.shm,
        )

    @property
    def real_user(self) -> tuple[int, int] | None:
        """The user of the job, if that is another user of the node: root submits the job."""
        return self.user if self.uid == 0 and not self.is_submitter else None

    @property
    def is_submitter(self) -> bool:
        """Whether the job has no user but the submitter, as operations of pfcon itself."""
        return self.user in (None, (self.uid, self.gid))

    @property
    def of_gpus(self) -> tuple[str, ...]:
        """The variables that show which GPUs the job may use; they are added on its node: see job.sh."""
        return tuple(name for name in OF_GPUS if name not in self.env) if self.gpus else ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """The variables with a worker's number, which are added on its node, as Slurm's own are: see job.sh."""
        return (WORKER,) if INDEX in self.env else (WORKER, INDEX)

    @property
    def kept(self) -> tuple[str, ...]:
        """The variables of the job that would otherwise be Slurm's."""
        return tuple(key for key in self.env if _OF_SLURM.fullmatch(key))

    @property
    def container(self) -> str:
        """Return the container's name on its node."""
        return f"pfcon-{self.marker}"


def _user(spec: JobSpec, submitter: tuple[int, int]) -> tuple[int, int] | None:
    """Return the user of a job in its container; a part that is not given is the submitter's, or root's."""
    if spec.user is None:
        return None
    given = (spec.user.uid, spec.user.gid)
    if all(part in (None, own) for part, own in zip(given, submitter, strict=True)):
        return submitter
    return (spec.user.uid or 0, spec.user.gid or 0)


def _env(spec: JobSpec, image: Image) -> dict[str, str]:
    """Return the variables that all workers share."""
    others = (*NAMES, *(OF_GPUS if spec.resources.gpus else ()))
    own = {key: value for key, value in image.env if key not in others}
    return {**own, **dict(own_env(spec)), WORKERS: str(spec.resources.workers)}


def require_possible(spec: JobSpec) -> None:
    """Raise Refused for a job that can't be run."""
    if not spec.argv or not spec.argv[0]:
        raise Refused("the command is empty")
    require_workers(spec)
    require_passable(spec)
