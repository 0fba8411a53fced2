"""Checks that the directory that the engine mounts is storeBase."""

import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pfcon.compute.store_mark import HERE, StoreMark
from pfcon.errors import Absent, Refused

if TYPE_CHECKING:
    from pfcon.compute.docker.client import DockerCalls

_TARGET = "/.pfcon"  # in a container that never runs


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
