"""The parts of a job's request that all engines with a Docker API share. Pure."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pfcon.errors import Refused
from pfcon.models import JobSpec, Mount, User

JOB_TYPE_LABEL = "org.chrisproject.job_type"
REQUEST_LABEL = "org.chrisproject.pfcon.request"
SERVICE_LABEL = "org.chrisproject.pfcon.service"
REQUEST_ID_LABEL = "org.chrisproject.pfcon.request-id"  # of the HTTP request; in pfcon's log, too
TIME_LIMIT_LABEL = "org.chrisproject.pfcon.time-limit"
"""The job's time limit in minutes, at which the service stops it, also if its record is lost."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_IMAGE = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@[a-z0-9+._-]+:[0-9a-f]{{32,}})?"
)


def require_runnable(spec: JobSpec) -> None:
    """Raise Refused for a job without a command or with a malformed image.

    The form of an image's name is checked here because Podman reports a malformed one as an internal error.
    """
    if not spec.argv or not spec.argv[0]:
        raise Refused("the command is empty")
    if not _IMAGE.fullmatch(spec.image):
        raise Refused(f"image: {spec.image!r} is not a valid image name, e.g. registry.example.org/name:tag")


def labels(spec: JobSpec) -> dict[str, str]:
    """Return the site's labels and pfcon's own."""
    own = {JOB_TYPE_LABEL: spec.kind.value, REQUEST_LABEL: spec.request}
    if spec.service:
        own[SERVICE_LABEL] = spec.service
    if spec.request_id:
        own[REQUEST_ID_LABEL] = spec.request_id
    if spec.resources.time_limit is not None:
        own[TIME_LIMIT_LABEL] = str(spec.resources.time_limit)
    return {**dict(spec.labels), **own}


def time_limit_of(labels: Mapping[str, object]) -> int | None:
    """Return a job's time limit in minutes, from its labels; None if it has none."""
    text = labels.get(TIME_LIMIT_LABEL)
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,10}", text) else None


def needs_image_user(user: User | None) -> bool:
    """Return whether ``user_text`` needs the image's User: a Docker API does not accept a group without a user."""
    return user is not None and user.uid is None and user.gid is not None


def user_text(user: User | None, image_user: str) -> str:
    """Return a user in the form of a Docker API; ``""`` for the image's own. image_user: the image's User."""
    if user is None or (user.uid is None and user.gid is None):
        return ""
    uid: int | str = user.uid if user.uid is not None else image_user.partition(":")[0] or 0
    return f"{uid}" if user.gid is None else f"{uid}:{user.gid}"


def bind_mount(root: PurePosixPath, mount: Mount) -> dict[str, Any]:
    """Return a Mount of the API. root: the path of storeBase on the engine's host.

    Not Binds, with which Docker creates a missing source, as root, instead of refusing it.
    """
    return {
        "Type": "bind",
        "Source": str(root / mount.source),
        "Target": str(mount.target),
        "ReadOnly": mount.read_only,
    }
