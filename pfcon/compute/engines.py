"""pfcon's engines, and which of them runs its operations."""

from typing import Any

from pfcon.compute.base import ComputeEngine
from pfcon.compute.cromwell.description import CROMWELL
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.docker.description import DOCKER
from pfcon.compute.htcondor.description import HTCONDOR
from pfcon.compute.kubernetes.description import KUBERNETES
from pfcon.compute.process.description import PROCESS, ProcessSettings
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.slurm.description import SLURM
from pfcon.compute.swarm.description import SWARM
from pfcon.paths import StoreBase
from pfcon.settings.catalog import Catalog

DEFAULT = DOCKER  # if CONTAINER_ENV is not set
ENGINES: Catalog[EngineDescription[Any]] = Catalog(
    variable="CONTAINER_ENV",
    group="pfcon.compute",
    expected=EngineDescription,
    built_in=(DOCKER, SWARM, KUBERNETES, SLURM, HTCONDOR, CROMWELL, PROCESS),
)


def make_engine(settings: ComputeSettings, storebase: StoreBase, workers: int = 1) -> ComputeEngine:
    """Create the engine that the settings name; it connects on first use. Raises ConfigurationError if impossible.

    workers: processes of this service that use it at the same time.
    """
    engine: ComputeEngine = ENGINES.create(settings.engine, EngineContext(settings, settings.own, storebase, workers))
    return engine


def operations_engine(settings: ComputeSettings, storebase: StoreBase, engine: ComputeEngine) -> ComputeEngine:
    """Return the engine of copy, upload and delete jobs: ``engine`` if PFCON_OP_IMAGE is set, else a process engine."""
    if settings.op_image or settings.engine == PROCESS.name:
        return engine
    return _beside(settings, storebase)


def former_operations_engine(
    settings: ComputeSettings, storebase: StoreBase, engine: ComputeEngine
) -> ComputeEngine | None:
    """Return the engine of copy, upload and delete jobs before PFCON_OP_IMAGE was set or unset; None if it is equal."""
    if settings.engine == PROCESS.name:
        return None
    return _beside(settings, storebase) if settings.op_image else engine


def _beside(settings: ComputeSettings, storebase: StoreBase) -> ComputeEngine:
    return PROCESS.make(EngineContext(settings, ProcessSettings(), storebase, workers=1))
