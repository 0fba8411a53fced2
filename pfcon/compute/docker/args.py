"""From a job to the body of a Docker API's create request. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from pfcon.compute.base import all_mounts
from pfcon.errors import Refused
from pfcon.models import JobSpec, Mount, Resources, User
from pfcon.units import mib_to_bytes, millicores_to_nanocpus

JOB_TYPE_LABEL = "org.chrisproject.job_type"
REQUEST_LABEL = "org.chrisproject.pfcon.request"

_SHORT_NAME_PREFIX = "pfcon.."

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@[a-z0-9+._-]+:[0-9a-f]{{32,}})?"
)


def container_name(name: str) -> str:
    """The container's name of a job.

    Docker demands two characters; a job of one gets a prefix that no job's name can have (``..`` is refused).
    """
    return name if len(name) > 1 else _SHORT_NAME_PREFIX + name


def require_possible(spec: JobSpec) -> None:
    """Raise Refused for a job that no Docker engine can run.

    The form of an image's name is checked here because Podman answers a bad one like a fault of its own.
    """
    if spec.resources.workers != 1:
        raise Refused(
            f"number_of_workers: a Docker engine runs a job with one worker, not {spec.resources.workers}; "
            "several workers need kubernetes"
        )
    if not spec.argv or not spec.argv[0]:
        raise Refused("the command is empty")
    if not _IMAGE.fullmatch(spec.image):
        raise Refused(f"image: {spec.image!r} is no valid name of an image, e.g. registry.example.org/name:tag")


def create_body(spec: JobSpec, root: PurePosixPath, image_user: str = "") -> dict[str, Any]:
    """The body of ``POST /containers/create`` (Docker Engine API reference, ContainerCreate).

    root: storeBase as the engine sees it. image_user: the image's own User, asked for only when the job has a
    group without a user.
    """
    return {
        "Image": spec.image,
        "Entrypoint": [spec.argv[0]],
        "Cmd": list(spec.argv[1:]),
        "Env": [f"{key}={value}" for key, value in spec.env],
        "User": _user(spec.user, image_user),
        "Labels": {**dict(spec.labels), JOB_TYPE_LABEL: spec.kind.value, REQUEST_LABEL: spec.request},
        "Tty": False,
        "OpenStdin": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "HostConfig": {
            "NetworkMode": "default",
            "Mounts": [_mount(root, mount) for mount in all_mounts(spec)],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            **_limits(spec.resources),
        },
    }


def needs_image_user(user: User | None) -> bool:
    """Whether ``create_body`` has to be told the image's User."""
    return user is not None and user.uid is None and user.gid is not None


def _user(user: User | None, image_user: str) -> str:
    if user is None or (user.uid is None and user.gid is None):
        return ""
    uid: int | str = user.uid if user.uid is not None else image_user.partition(":")[0] or 0
    return f"{uid}" if user.gid is None else f"{uid}:{user.gid}"


def _mount(root: PurePosixPath, mount: Mount) -> dict[str, Any]:
    # The Mounts form, not Binds: Docker then refuses a source that is missing instead of making it, as root.
    return {
        "Type": "bind",
        "Source": str(root / mount.source),
        "Target": str(mount.target),
        "ReadOnly": mount.read_only,
    }


def _limits(resources: Resources) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if resources.memory is not None:
        # Memory and swap together: with both the same, a job gets no swap.
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
    """Whether an engine dropped a request for GPUs without a word, as Podman before 5 does."""
    host: dict[str, Sequence[Any] | None] = inspect.get("HostConfig") or {}
    return not host.get("DeviceRequests") and not host.get("Devices")
