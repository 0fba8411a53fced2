"""The description of the docker engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.docker_api.settings import DockerSettings
from pfcon.compute.settings import DOCKER_LOCAL_VOLUME, HOST, ComputeSettings, JobOption
from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values


@dataclass(frozen=True)
class DockerEngineSettings(DockerSettings):
    """The address of the Docker API, and how to find storeBase on its host.

    selector: a label of this service's container.
    """

    selector: str = setting(
        "PFCON_SELECTOR",
        kinds.text("LABEL or LABEL=VALUE", r"[^\s=,]+(=[^\s,]*)?"),
        "Label of this service's container, whose mount at `STOREBASE_MOUNT` is storeBase.",
        default="org.chrisproject.role=pfcon",
    )


def _labels(values: Values, _mode: Mode) -> Iterator[str]:
    """Check that jobs do not have the label by which pfcon finds its own container."""
    labels = variable(ComputeSettings, "labels")
    selector = values.get(variable(DockerEngineSettings, "selector"))
    for key, value in values.get(labels) or ():
        if selector in (key, f"{key}={value}"):
            yield values.fault(labels, f"{selector} is the label with which PFCON_SELECTOR finds this service")


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
    rules=_labels,
)
