"""The volume that is storeBase, as the pods of jobs name it. Pure."""

from typing import Any

from pfcon.compute.settings import HOST, ComputeSettings
from pfcon.errors import Refused


def storebase_volume(settings: ComputeSettings) -> dict[str, Any]:
    """Return the source of the volume (Kubernetes API reference, Volume). Raises Refused without its setting.

    A directory of the nodes has no type: with ``Directory``, a pod on a node without it would wait for ever. Without a
    type, the container can't be created there, because the mark of storeBase is mounted by a subPath.
    """
    if settings.volume_type == HOST.name:
        if settings.storebase is None:
            raise Refused("STOREBASE is not set: it must be the path of storeBase on the nodes")
        return {"hostPath": {"path": str(settings.storebase)}}
    if not settings.volume_name:
        raise Refused("VOLUME_NAME is not set: it must be the PersistentVolumeClaim of storeBase")
    return {"persistentVolumeClaim": {"claimName": settings.volume_name}}
