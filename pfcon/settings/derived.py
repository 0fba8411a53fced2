"""Defaults that follow from other settings, and which engine reaches storeBase how. Pure.

A function answers None where what it depends on could not be read.
"""

from pathlib import PurePosixPath

from pfcon.settings.model import EngineName, Mode, StorageName, VolumeType
from pfcon.settings.variable import Values
from pfcon.settings.variables import compute, service, storage

VOLUME_TYPES: dict[EngineName, tuple[VolumeType, ...]] = {
    EngineName.DOCKER: (VolumeType.DOCKER_LOCAL_VOLUME, VolumeType.HOST),
    EngineName.SWARM: (VolumeType.HOST,),
    EngineName.KUBERNETES: (VolumeType.KUBERNETES_PVC,),
    EngineName.SLURM: (VolumeType.HOST,),
    EngineName.CROMWELL: (VolumeType.HOST,),
    EngineName.PROCESS: (VolumeType.HOST,),
}
"""What each engine can do; the first is its default."""


def mode(values: Values) -> Mode:
    """Production, unless development was asked for in so many words."""
    return values.get(service.APPLICATION_MODE) or Mode.PRODUCTION


def storage_name(values: Values) -> StorageName | None:
    """STORAGE_ENV; unset, swift in-network, else zipfile."""
    if values.given(storage.STORAGE_ENV):
        return values.get(storage.STORAGE_ENV)
    innetwork = values.get(storage.PFCON_INNETWORK)
    if innetwork is None:
        return None
    return StorageName.SWIFT if innetwork else StorageName.ZIPFILE


def volume_type(values: Values) -> VolumeType | None:
    """COMPUTE_VOLUME_TYPE; unset, the engine's first."""
    if values.given(compute.COMPUTE_VOLUME_TYPE):
        return values.get(compute.COMPUTE_VOLUME_TYPE)
    engine = values.get(compute.CONTAINER_ENV)
    return VOLUME_TYPES[engine][0] if engine else None


def storebase(values: Values) -> PurePosixPath | None:
    """STOREBASE; jobs of the process engine see what this service sees."""
    if values.given(compute.STOREBASE) or values.get(compute.CONTAINER_ENV) is not EngineName.PROCESS:
        return values.get(compute.STOREBASE)
    return values.get(storage.STOREBASE_MOUNT)
