"""The engines by name, each imported when it is asked for."""

from collections.abc import Callable
from importlib.metadata import entry_points

from pfcon.compute.base import ComputeEngine
from pfcon.errors import ConfigurationError
from pfcon.paths import StoreBase
from pfcon.settings.model import EngineName, Settings

ENTRY_POINTS = "pfcon.compute"  # group in which another package may offer ``factory(settings, storebase)``

EngineFactory = Callable[[Settings, StoreBase], ComputeEngine]


def _process(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    from pfcon.compute.process.engine import ProcessEngine

    return ProcessEngine(storebase, log_bytes=settings.compute.log_bytes)


def _cromwell(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    from pfcon.compute.cromwell.engine import CromwellEngine

    return CromwellEngine(settings.compute, storebase)


def _docker(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    from pfcon.compute.docker.engine import DockerEngine

    return DockerEngine(settings.compute, storebase.root)


def _swarm(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    from pfcon.compute.swarm.engine import SwarmEngine

    return SwarmEngine(settings.compute, storebase.root)


def _slurm(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    from pfcon.compute.slurm.commands import require_tools
    from pfcon.compute.slurm.engine import SlurmEngine

    require_tools(settings.compute.slurm.prefix)
    return SlurmEngine(settings.compute, storebase)


def _kubernetes(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    from pfcon.compute.kubernetes.engine import KubernetesEngine

    return KubernetesEngine(settings.compute, storebase.root, settings.server.workers)


_ENGINES: dict[str, EngineFactory] = {
    "cromwell": _cromwell,
    "docker": _docker,
    "kubernetes": _kubernetes,
    "process": _process,
    "swarm": _swarm,
    "slurm": _slurm,
}


def operations_engine(settings: Settings, storebase: StoreBase, engine: ComputeEngine) -> ComputeEngine:
    """Who runs copy, upload and delete jobs: the engine, where PFCON_OP_IMAGE is set, else processes beside us."""
    if settings.compute.op_image or settings.compute.engine is EngineName.PROCESS:
        return engine
    return _process(settings, storebase)


def former_operations_engine(settings: Settings, storebase: StoreBase, engine: ComputeEngine) -> ComputeEngine | None:
    """Who ran copy, upload and delete jobs before PFCON_OP_IMAGE was set, or was unset; None where that is the same."""
    if settings.compute.engine is EngineName.PROCESS:
        return None
    return _process(settings, storebase) if settings.compute.op_image else engine


def make_engine(settings: Settings, storebase: StoreBase) -> ComputeEngine:
    """The engine of CONTAINER_ENV; it connects on first use. Raises ConfigurationError for one there is not."""
    name = settings.compute.engine.value
    factory = _ENGINES.get(name)
    if factory is None:
        offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if name not in offered:
            there = ", ".join(sorted({*_ENGINES, "podman", *offered}))
            raise ConfigurationError([f"CONTAINER_ENV: this version of pfcon has no engine {name!r}; it has {there}"])
        factory = offered[name].load()
    return factory(settings, storebase)
