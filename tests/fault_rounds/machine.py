"""The end of a whole machine: the service, its operations and its jobs, all at once."""

import contextlib

from docker.errors import APIError
from support.engines import api_client, docker_url

from . import processes
from .site import Site


def kill(site: Site) -> None:
    """SIGKILL for all of it. Notes which jobs that has hit."""
    site.killed |= processes.kill_all(site)
    if site.options.engine == "docker":
        site.killed |= _kill_containers(site)


def _kill_containers(site: Site) -> set[str]:
    """Those with a mount of this storeBase."""
    killed = set()
    with contextlib.closing(api_client(docker_url())) as client:
        for found in client.containers():
            if any(mount.get("Source", "").startswith(f"{site.storebase}/") for mount in found["Mounts"]):
                with contextlib.suppress(APIError):  # it has ended while we looked
                    client.kill(found["Id"])
                    killed.add(found["Names"][0].removeprefix("/"))
    return killed
