"""The calls about services, tasks and nodes to a Swarm manager. Imports the SDK: import it on first use."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from docker.utils import compare_version

from pfcon.compute.docker_api.client import ApiCalls, translating_errors
from pfcon.compute.docker_api.settings import DockerSettings
from pfcon.compute.swarm import listing
from pfcon.errors import Refused, Unreachable

OLDEST_API = "1.41"
"""The first with capabilities and process limits of services; Docker 20.10 has it."""

_SERVICE_LABEL = "com.docker.swarm.service.id"  # Swarm gives it to containers


class SwarmCalls(ApiCalls):
    """The API of a Swarm, through one of its managers. Raises what ApiCalls raises."""

    def __init__(self, settings: DockerSettings) -> None:
        super().__init__(settings)
        self._known_manager = False

    def require_manager(self) -> None:
        """Raise Refused if this engine does not accept services: it is not a Swarm manager, or too old."""
        if self._known_manager:
            return
        if self.podman or compare_version(OLDEST_API, self.api_version) < 0:
            raise Refused(
                f"CONTAINER_ENV=swarm needs Docker 20.10 (API {OLDEST_API}); {self.where} is {self.product()}"
            )
        swarm = self.get("info").get("Swarm") or {}
        if not swarm.get("ControlAvailable"):
            state = swarm.get("LocalNodeState") or "inactive"
            what = "a worker" if state == "active" else f"not in a Swarm ({state})"
            raise Refused(
                f"the Docker engine at {self.where} is not a Swarm manager but {what}: run `docker swarm init` there, "
                "or set DOCKER_HOST to a manager"
            )
        self._known_manager = True

    def create(self, spec: dict[str, Any]) -> str:
        """ServiceCreate, with the credentials of the Docker client's configuration for the image; return the ID."""
        with translating_errors(self.where, verdict=True):
            create: Callable[..., dict[str, str]] = self._client.create_service
            return create(**_words(spec))["ID"]

    def update(self, service: dict[str, Any], spec: dict[str, Any]) -> None:
        """ServiceUpdate. Raises Conflict if the service has changed since it was read."""
        with translating_errors(self.where, verdict=True):
            self._client.update_service(service["ID"], service["Version"]["Index"], **_words(spec))

    def remove(self, service_id: str) -> None:
        """ServiceDelete; its tasks are stopped after that."""
        with translating_errors(self.where):
            remove: Callable[..., bool] = self._client.remove_service
            remove(service_id)

    def service(self, name: str) -> dict[str, Any]:
        """ServiceInspect, by name or ID. Raises Unreachable for an answer that is not a service."""
        found = self.get("services", name)
        parts = [found.get(key) for key in ("ID", "Spec")] if isinstance(found, dict) else []
        if [type(part) for part in parts] != [str, dict]:
            raise Unreachable(f"the Swarm's answer about service {name} can't be read")
        known: dict[str, Any] = found
        return known

    def tasks(self, **filters: str) -> list[dict[str, Any]]:
        """TaskList with one filter, ``service=ID`` or ``label="KEY=VALUE"`` of a service, also of a removed one."""
        wanted = json.dumps({key: [value] for key, value in filters.items()})
        found: list[dict[str, Any]] = self.get("tasks", filters=wanted)
        return found

    def active_tasks(self) -> Sequence[Any]:
        """TaskList of all jobs of pfcon, without the tasks that are to end."""
        return self.get_list("tasks", filters=json.dumps({**listing.ACTIVE}))

    def services(self) -> Sequence[Any]:
        """ServiceList of all jobs of pfcon."""
        return self.get_list("services", filters=json.dumps({**listing.JOBS}))

    def containers_here(self, service_id: str) -> list[dict[str, Any]]:
        """ContainerList of a service's containers on the manager's own node, also of a removed one."""
        wanted = json.dumps({"label": [f"{_SERVICE_LABEL}={service_id}"]})
        found: list[dict[str, Any]] = self.get("containers", "json", all=1, filters=wanted)
        return found

    def kill(self, container: str) -> None:
        """ContainerKill, on the manager's own node. Raises Conflict for a container that does not run."""
        with translating_errors(self.where):
            self._client.kill(container)

    def platforms(self, image: str) -> list[dict[str, Any]]:
        """DistributionInspect: ask the registry of an image for what platforms it has the image.

        Raises what the registry's answer means.
        """
        with translating_errors(self.where, verdict=True):
            ask: Callable[[str], dict[str, Any]] = self._client.inspect_distribution
            return ask(image).get("Platforms") or []

    def nodes(self) -> list[dict[str, Any]]:
        """NodeList."""
        found: list[dict[str, Any]] = self.get("nodes")
        return found


def _words(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a service's specification as arguments of the SDK."""
    return {
        "task_template": spec["TaskTemplate"],
        "name": spec["Name"],
        "labels": spec["Labels"],
        "mode": spec["Mode"],
        "update_config": spec["UpdateConfig"],
    }
