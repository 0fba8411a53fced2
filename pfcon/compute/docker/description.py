"""The description of the docker engine."""

from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.docker_api.settings import LocalVolumeSettings, no_selector_in_labels
from pfcon.compute.settings import DOCKER_LOCAL_VOLUME, HOST, JobOption


@dataclass(frozen=True)
class DockerEngineSettings(LocalVolumeSettings):
    """The address of the Docker API, and how to find storeBase on its host."""


def _make(context: EngineContext[DockerEngineSettings]) -> ComputeEngine:
    from pfcon.compute.docker.engine import DockerEngine

    return DockerEngine(context.compute, context.own, context.storebase.root)


DOCKER = EngineDescription(
    name="docker",
    title="a Docker or Podman engine, one container for each job",
    make=_make,
    settings=DockerEngineSettings,
    volume_types=(DOCKER_LOCAL_VOLUME, HOST),
    aliases=("podman",),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.PIDS, JobOption.LABELS}),
    lacks={JobOption.NODES: "A Docker or Podman engine is one machine"},
    rules=no_selector_in_labels,
)
