"""A job with the paths of its node, from which the files for launchers and Slurm are built. Pure."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Self

from pfcon.compute.base import all_mounts, require_passable
from pfcon.compute.workers import INDEX, NAMES, WORKER, WORKERS, own_env
from pfcon.errors import Refused
from pfcon.models import JobSpec

_OF_SLURM = re.compile(r"(?:SLURM|PMIX)_[A-Z0-9_]+")
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
    records. uid, gid: of the user who submits jobs; a container's root is that user.
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
        )

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


def _env(spec: JobSpec, image: Image) -> dict[str, str]:
    """Return the variables that all workers share."""
    own = {key: value for key, value in image.env if key not in NAMES}
    return {**own, **dict(own_env(spec)), WORKERS: str(spec.resources.workers)}


def require_possible(spec: JobSpec, user: tuple[int, int]) -> None:
    """Raise Refused for a job that can't be run, or not as that user (uid and gid), who submits jobs."""
    if not spec.argv or not spec.argv[0]:
        raise Refused("the command is empty")
    if spec.resources.workers < 1:
        raise Refused(f"number_of_workers: must be at least 1, got {spec.resources.workers}")
    wanted = (spec.user.uid, spec.user.gid) if spec.user else (None, None)
    if any(part not in (None, own) for part, own in zip(wanted, user, strict=True)):
        raise Refused(f"slurm runs jobs only as the user who submits them ({user[0]}:{user[1]})")
    require_passable(spec)
