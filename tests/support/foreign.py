"""Objects of somebody else's on an engine that have the name of a job of ours, made without pfcon.

Each function gives, in a context, one that tells whether the object is as it was made. forged: it has our labels.
"""

import contextlib
from collections.abc import Iterator

from pfcon.compute.docker.spec import container_name
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.compute.swarm.spec import NAME_LABEL, service_name
from pfcon.testing.compute.harness import Untouched

from .engines import IMAGE, api_client

FORGED = f"{'a' * 64}.{'b' * 32}.{'c' * 40}"  # as a request of ours looks
COMMAND = ["sleep", "600"]


def _labels(*, forged: bool) -> dict[str, str]:
    return {JOB_TYPE_LABEL: "plugin", REQUEST_LABEL: FORGED} if forged else {"somebody": "else"}


@contextlib.contextmanager
def foreign_container(url: str, name: str, *, forged: bool) -> Iterator[Untouched]:
    """A running container on a Docker engine."""
    with contextlib.closing(api_client(url)) as client:
        labels = _labels(forged=forged)
        made = client.create_container(IMAGE, COMMAND, name=container_name(name), labels=labels)["Id"]
        try:
            client.start(made)
            yield lambda: bool(client.inspect_container(made)["State"]["Running"])
        finally:
            client.remove_container(made, force=True)


@contextlib.contextmanager
def foreign_service(url: str, name: str, *, forged: bool) -> Iterator[Untouched]:
    """A service on a Swarm."""
    from docker.types import ContainerSpec, TaskTemplate

    with contextlib.closing(api_client(url)) as client:
        labels = _labels(forged=forged) | ({NAME_LABEL: name} if forged else {})
        template = TaskTemplate(ContainerSpec(IMAGE, COMMAND, labels=labels))
        made = client.create_service(template, name=service_name(name), labels=labels)["ID"]
        before = client.inspect_service(made)["Spec"]
        try:
            yield lambda: bool(client.inspect_service(made)["Spec"] == before)
        finally:
            client.remove_service(made)
