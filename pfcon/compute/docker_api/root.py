"""Finds the path of storeBase on the host of a Docker API: a directory, or a local volume."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pfcon.compute.settings import HOST, ComputeSettings
from pfcon.errors import Absent, Refused

if TYPE_CHECKING:
    from pfcon.compute.docker_api.client import ApiCalls


def find_root(settings: ComputeSettings, selector: str, storebase_mount: Path, calls: "ApiCalls") -> PurePosixPath:
    """Return the directory on the engine's host that contains jobs' mounts.

    Raises Refused if the engine has no such directory or volume as in the settings, Unreachable if it does not answer.
    """
    if settings.volume_type == HOST.name:
        if settings.storebase is None:
            raise Refused("STOREBASE is not set: it must be the path of storeBase on the container engine's host")
        return settings.storebase
    if settings.volume_name:
        try:
            return PurePosixPath(calls.mountpoint(settings.volume_name))
        except Absent as fault:
            raise Refused(f"VOLUME_NAME: the container engine has no volume {settings.volume_name!r}") from fault
    return _of_own_container(selector, storebase_mount, calls)


def _of_own_container(selector: str, storebase_mount: Path, calls: "ApiCalls") -> PurePosixPath:
    """Return the source of the mount at storeBase in pfcon's own containers."""
    containers = calls.labelled(selector)
    sources = {
        mount["Source"]
        for container in containers
        for mount in container.get("Mounts") or []
        if PurePosixPath(mount["Destination"]) == PurePosixPath(storebase_mount)
        and mount.get("Type") in ("volume", "bind")
    }
    if len(sources) == 1:
        return PurePosixPath(sources.pop())
    if not containers:
        found = f"no running container has the label {selector!r}"
    elif not sources:
        found = f"the container with the label {selector!r} has no mount at {storebase_mount}"
    else:
        found = f"containers with the label {selector!r} have different mounts at {storebase_mount}"
    raise Refused(f"can't find storeBase on the container engine: {found}; set VOLUME_NAME, or PFCON_SELECTOR")
