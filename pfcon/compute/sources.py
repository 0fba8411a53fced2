"""The directories of storeBase that a job's mounts begin from."""

from collections.abc import Iterable
from pathlib import Path

from pfcon.errors import Refused
from pfcon.models import Mount


def require_sources(mounts: Iterable[Mount], storebase_mount: Path) -> None:
    """Refuse a mount whose source is missing: Podman and kubelets would make it, as root; others tell of it late.

    ``storebase_mount``: storeBase as this process sees it.
    """
    for mount in mounts:
        if not (storebase_mount / mount.source).is_dir():
            raise Refused(f"there is no directory {mount.source} below storeBase to mount at {mount.target}")
