"""Builds the body of a Docker API's create request for a job. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from pfcon.compute.base import all_mounts
from pfcon.compute.docker_api.job import bind_mount, labels, require_runnable, user_text
from pfcon.compute.workers import MOST, require_workers, worker_env
from pfcon.models import JobSpec, Resources
from pfcon.units import mib_to_bytes, millicores_to_nanocpus

JOB_LABEL = "org.chrisproject.pfcon.job"
"""The name of the job, on the containers of a job with several workers."""
WORKERS_LABEL = "org.chrisproject.pfcon.workers"
"""The number of workers, on the same containers."""

_SHORT_NAME_PREFIX = "pfcon.."
_WORKER = "..worker-"  # no job's name has two dots
_WORKER_AT_END = re.compile(rf"{re.escape(_WORKER)}[0-9]+\Z")


def container_name(name: str, worker: int = 0) -> str:
    """Return the name of the container of a job's worker, which is numbered from 0. The first has the job's own name.

    Docker requires two characters; a name of one character gets a prefix that no job's name can have.
    """
    first = name if len(name) > 1 else _SHORT_NAME_PREFIX + name
    return f"{first}{_WORKER}{worker}" if worker else first


def job_name(container: str) -> str:
    """Return the name of a container's job; the inverse of ``container_name``."""
    return _WORKER_AT_END.sub("", container).removeprefix(_SHORT_NAME_PREFIX)


def require_possible(spec: JobSpec) -> None:
    """Raise Refused for a job that a Docker engine can't run."""
    require_workers(spec, MOST)
    require_runnable(spec)


def create_body(spec: JobSpec, root: PurePosixPath, image_user: str = "", worker: int = 0) -> dict[str, Any]:
    """Return the body of ``POST /containers/create`` (Docker Engine API reference, ContainerCreate), for one worker.

    root: the path of storeBase on the engine's host. image_user: the image's own User; needed only if the job has a
    group without a user.
    """
    return {
        "Image": spec.image,
        "Entrypoint": [spec.argv[0]],
        "Cmd": list(spec.argv[1:]),
        "Env": [f"{key}={value}" for key, value in worker_env(spec, worker)],
        "User": user_text(spec.user, image_user),
        "Labels": {**labels(spec), **_of_several(spec)},
        "Tty": False,
        "OpenStdin": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "HostConfig": {
            "NetworkMode": "default",
            "Init": True,
            "Mounts": [bind_mount(root, mount) for mount in all_mounts(spec)],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            **_limits(spec.resources),
        },
    }


def _of_several(spec: JobSpec) -> dict[str, str]:
    """Return further labels for a job of several workers."""
    workers = spec.resources.workers
    return {JOB_LABEL: spec.name, WORKERS_LABEL: str(workers)} if workers > 1 else {}


def _limits(resources: Resources) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if resources.memory is not None:
        # Memory and swap together: if both are equal, a job gets no swap.
        limits["Memory"] = limits["MemorySwap"] = mib_to_bytes(resources.memory)
    if resources.cpu is not None:
        limits["NanoCpus"] = millicores_to_nanocpus(resources.cpu)
    if resources.pids is not None:
        limits["PidsLimit"] = resources.pids
    if resources.shm is not None:
        limits["ShmSize"] = mib_to_bytes(resources.shm)
    if resources.gpus:
        limits["DeviceRequests"] = [{"Driver": "", "Count": resources.gpus, "Capabilities": [["gpu"]]}]
    return limits


def lacks_gpus(inspect: dict[str, Any]) -> bool:
    """Return whether an engine has silently ignored a request for GPUs, as Podman before 5 does."""
    host: dict[str, Sequence[Any] | None] = inspect.get("HostConfig") or {}
    return not host.get("DeviceRequests") and not host.get("Devices")
