"""The calls about containers to a Docker API. Imports the SDK: import it on first use."""

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from pfcon.compute.docker import listing
from pfcon.compute.docker.limits import loses_exit_codes, missing_of_docker, missing_of_podman
from pfcon.compute.docker_api.client import ApiCalls, translating_errors
from pfcon.compute.docker_api.init import lacking
from pfcon.compute.docker_api.init import missing_of_docker as missing_of_docker_init
from pfcon.errors import Refused

OLDEST_PODMAN = 4


class DockerCalls(ApiCalls):
    """An engine's containers and volumes. Raises what ApiCalls raises."""

    def require_new_enough(self) -> None:
        """Raise Refused for a Podman before 4: its networks differ, and it mounts inputs writable."""
        major = self.release.partition(".")[0]
        if self.podman and major.isdigit() and int(major) < OLDEST_PODMAN:
            raise Refused(f"Podman {OLDEST_PODMAN} or newer is needed; {self.where} is Podman {self.release}")

    def require_supported(self) -> None:
        """Raise Refused as above, or if the engine loses exit codes: see ``limits.loses_exit_codes``."""
        self.require_new_enough()
        if loses_exit_codes(self.get("info")):
            raise Refused(f"{self.where} runs containers with scrun, which loses exit codes: use CONTAINER_ENV=slurm")

    def create(self, name: str, body: dict[str, Any]) -> str:
        """ContainerCreate; return the Id."""
        with translating_errors(self.where, verdict=True):
            create: Callable[..., dict[str, str]] = self._client.create_container_from_config
            return create(body, name)["Id"]

    def start(self, container: str) -> None:
        """ContainerStart; no-op for a running container."""
        with translating_errors(self.where, verdict=True):
            self._client.start(container)

    def stop(self, container: str, grace: int) -> None:
        """ContainerStop: SIGTERM, and SIGKILL after ``grace`` seconds. Returns when the container has stopped."""
        with translating_errors(self.where):
            self._client.stop(container, timeout=grace)  # the SDK adds the grace to its timeout

    def unpause(self, container: str) -> None:
        """ContainerUnpause."""
        with translating_errors(self.where):
            self._client.unpause(container)

    def remove(self, container: str) -> None:
        """ContainerDelete; also kills the container and deletes its anonymous volumes."""
        with translating_errors(self.where):
            self._client.remove_container(container, force=True, v=True)

    def put_archive(self, container: str, tar: bytes) -> None:
        """PutContainerArchive at the root directory."""
        with translating_errors(self.where):
            self._client.put_archive(container, "/", tar)

    def unlimited(self) -> list[str]:
        """Return which of cpu, memory and pids the engine can't limit; see ``limits``."""
        if not self.podman:
            return missing_of_docker(self.get("info"))
        with translating_errors(self.where):
            version = self._client.version()["Components"][0]["Details"]["APIVersion"]
            with self._ask("GET", f"/v{version}/libpod/info") as answer:
                return missing_of_podman(json.loads(answer.read()))

    def lacks_init(self) -> bool:
        """Return whether the engine has no init for jobs.

        Podman reports that only when a container is created: if it has an image, one is created and removed.
        """
        if not self.podman:
            return missing_of_docker_init(self.get("info"))
        image = next(iter(self.get("images", "json")), None)
        if image is None:
            return False
        try:
            body = {"Image": image["Id"], "Cmd": ["true"], "HostConfig": {"Init": True}}
            self.remove(self.create(f"pfcon-check-{uuid.uuid4().hex}", body))
        except Refused as fault:
            return lacking(str(fault), podman=True) is not None
        return False

    def list_jobs(self, *, active: bool) -> Sequence[Any]:
        """ContainerList of pfcon's containers; active: without those that have ended."""
        return self.get_list("containers", "json", **listing.query(active=active, podman=self.podman))

    def containers_of(self, name: str) -> Sequence[Any]:
        """ContainerList of the containers of one job that has several workers."""
        return self.get_list("containers", "json", **listing.query_of_job(name))
