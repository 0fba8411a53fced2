"""The description of the swarm engine."""

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.docker_api.settings import DockerSettings
from pfcon.compute.settings import HOST, JobOption


def _make(context: EngineContext[DockerSettings]) -> ComputeEngine:
    from pfcon.compute.swarm.engine import SwarmEngine

    return SwarmEngine(context.compute, context.own, context.storebase.root)


SWARM = EngineDescription(
    name="swarm",
    title="a Docker Swarm, one service for each job",
    make=_make,
    settings=DockerSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.PIDS, JobOption.LABELS}),
)
