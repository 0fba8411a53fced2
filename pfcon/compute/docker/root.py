"""Finds the path of storeBase on the engine's host: a directory, or a local volume."""

import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pfcon.compute.settings import HOST, ComputeSettings
from pfcon.compute.store_mark import HERE, StoreMark
from pfcon.errors import Absent, Refused

if TYPE_CHECKING:
    from pfcon.compute.docker.client import DockerCalls

_TARGET = "/.pfcon"  # in a container that never runs


def find_root(settings: ComputeSettings, selector: str, storebase_mount: Path, calls: "DockerCalls") -> PurePosixPath:
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


def require_same(root: PurePosixPath, mark: StoreMark, storebase_mount: Path, calls: "DockerCalls", image: str) -> None:
    """Raise Refused if the directory that the engine mounts for ``root`` is not storeBase (Podman creates one).

    Creates a container for that, which is never started. Raises Absent if the engine does not have the image.
    """
    source = root / mark.source()
    mount = {"Type": "bind", "Source": str(source), "Target": _TARGET, "ReadOnly": True}
    host = {"NetworkMode": "none", "Mounts": [mount]}
    try:
        made = calls.create(f"pfcon-mark-{uuid.uuid4().hex}", {"Image": image, "Cmd": ["true"], "HostConfig": host})
        try:
            with calls.ask("HEAD", "containers", made, "archive", path=f"{_TARGET}/{HERE}") as answer:
                answer.read()
        except Absent as fault:
            raise Refused(f"its directory {root} does not contain the mark that this service has written") from fault
        finally:
            calls.remove(made)
    except Refused as fault:
        if str(root) not in str(fault):  # it is the image, or something else
            raise
        raise Refused(
            f"the container engine's {root} is not the storeBase that this service sees at {storebase_mount} "
            f"(STOREBASE, VOLUME_NAME): {fault}"
        ) from fault


def _of_own_container(selector: str, storebase_mount: Path, calls: "DockerCalls") -> PurePosixPath:
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
