"""The directories in storeBase that a job mounts."""

from collections.abc import Iterable
from pathlib import Path

from pfcon.errors import Refused
from pfcon.models import Mount


def require_sources(mounts: Iterable[Mount], storebase_mount: Path) -> None:
    """Raise Refused for a mount whose source is missing: Podman and kubelets create it, as root; others fail late.

    ``storebase_mount``: the path of storeBase in this process.
    """
    for mount in mounts:
        if not (storebase_mount / mount.source).is_dir():
            raise Refused(f"there is no directory {mount.source} below storeBase to mount at {mount.target}")
