"""The end of a whole machine: the service, its operations and its jobs, all at once."""

import contextlib
import time
from typing import Any

from docker.errors import APIError
from support.engines import api_client, docker_url

from . import processes
from .site import Site


def await_job(site: Site, seconds: float) -> None:
    """Until there is something besides the service, for so long at most."""
    until = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        client = _client(site, stack)
        while time.monotonic() < until:
            if any(one.job for one in processes.all_of(site)) or _containers(site, client):
                return
            time.sleep(0.05)


def kill(site: Site) -> None:
    """SIGKILL for all of it. Notes which jobs that has hit."""
    with contextlib.ExitStack() as stack:
        client = _client(site, stack)
        site.killed |= processes.kill_all(site)
        for found in _containers(site, client):
            with contextlib.suppress(APIError):  # it has ended while we looked
                client.kill(found["Id"])
                site.killed.add(found["Names"][0].removeprefix("/"))


def _client(site: Site, stack: contextlib.ExitStack) -> Any:
    """Docker's, past the relay; None for another engine."""
    if site.options.engine != "docker":
        return None
    return stack.enter_context(contextlib.closing(api_client(docker_url())))


def _containers(site: Site, client: Any) -> list[dict[str, Any]]:
    """Those that run with a mount of this storeBase."""
    below = f"{site.storebase}/"
    running = client.containers() if client else []
    return [one for one in running if any(mount.get("Source", "").startswith(below) for mount in one["Mounts"])]
