"""Engines that speak the Docker API and hold the test image: Docker, Podman, and a Swarm's manager."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pfcon.testing.waiting import PATIENCE

from .need import Unanswered, Unavailable, need

if TYPE_CHECKING:
    import docker

_OUR_IMAGE = "local/pfcon-test:1"  # of tests/engines/image.sh
IMAGE = os.environ.get("PFCON_TEST_IMAGE", _OUR_IMAGE)
WORKDIR = os.environ.get("PFCON_TEST_WORKDIR", "/opt/here" if IMAGE == _OUR_IMAGE else "/")


def docker_url() -> str:
    """URL of a Docker engine that holds the test image; skips or fails the test where there is none."""
    return need("docker", find_docker)


def podman_url() -> str:
    """URL of a Podman service that holds the test image; skips or fails the test where there is none."""
    return need("podman", find_podman)


def podman_rootless_url() -> str:
    """URL of a rootless Podman that holds the test image; skips or fails the test where there is none."""
    return need("podman-rootless", find_podman_rootless)


def swarm_url() -> str:
    """URL of a Swarm manager that holds the test image; skips or fails the test where there is none."""
    return need("swarm", find_swarm)


def find_docker() -> str:
    """The URL. Raises Unavailable."""
    configured = os.environ.get("PFCON_TEST_DOCKER") or os.environ.get("DOCKER_HOST")
    url = configured or "unix:///var/run/docker.sock"
    return _with_image(url, "no Docker engine; start one and set PFCON_TEST_DOCKER to its URL")


def find_podman() -> str:
    """The URL. Raises Unavailable."""
    advice = "no Podman service; run `podman system service` and set PFCON_TEST_PODMAN to its URL"
    configured = os.environ.get("PFCON_TEST_PODMAN")
    if configured:
        return _with_image(configured, advice)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    sockets = [Path(runtime, "podman/podman.sock")] if runtime else []
    for socket in [*sockets, Path("/run/podman/podman.sock")]:
        if socket.exists():
            return _with_image(f"unix://{socket}", advice)
    raise Unavailable(advice)


def find_podman_rootless() -> str:
    """The URL. Raises Unavailable."""
    url = os.environ.get("PFCON_TEST_PODMAN_ROOTLESS")
    advice = "start one (tests/engines/podman_rootless.sh) and set PFCON_TEST_PODMAN_ROOTLESS to its URL"
    if not url:
        raise Unavailable(f"no rootless Podman; {advice}")
    return _with_image(url, advice)


def find_swarm() -> str:
    """The URL, only where it is named: a Swarm at DOCKER_HOST may be one that people work with. Raises Unavailable."""
    import docker
    from requests.exceptions import RequestException

    advice = "no Swarm; start one (tests/engines/swarm.sh) and set PFCON_TEST_SWARM to the URL of its manager"
    url = os.environ.get("PFCON_TEST_SWARM")
    if not url:
        raise Unavailable(advice)
    url = _with_image(url, advice)
    client = client_of(url, advice)
    try:
        client.nodes()
    except (docker.errors.DockerException, RequestException) as fault:
        raise Unanswered(f"{advice} ({fault})") from fault
    finally:
        client.close()
    return url


def _with_image(url: str, advice: str) -> str:
    advice_for_image = "build it there (tests/engines/image.sh) or set PFCON_TEST_IMAGE"
    return holding(url, IMAGE, advice, advice_for_image)


def api_client(url: str) -> docker.APIClient:
    """The SDK's client of an engine; it does not ask Podman for its version, which takes that a second."""
    import docker

    from pfcon.compute.docker_api.client import ApiCalls

    from ..settings import docker_at

    return docker.APIClient(base_url=url, timeout=int(PATIENCE), version=ApiCalls(docker_at(url)).api_version)


def client_of(url: str, advice: str) -> docker.APIClient:
    """A client of an engine that answers. Raises Unavailable with the advice."""
    import docker

    from pfcon.errors import PfconError

    try:
        return api_client(url)
    except (docker.errors.DockerException, PfconError) as fault:
        raise Unanswered(f"{advice} ({url}: {fault})") from fault


def holding(url: str, image: str, advice: str, advice_for_image: str) -> str:
    """The URL of an engine that holds the image. Raises Unavailable with the advice that fits."""
    import docker
    from requests.exceptions import RequestException

    client = client_of(url, advice)
    try:
        client.inspect_image(image)
    except docker.errors.ImageNotFound as fault:
        raise Unavailable(f"{url} has no image {image}; {advice_for_image}") from fault
    except (docker.errors.DockerException, RequestException) as fault:
        raise Unanswered(f"{advice} ({url}: {fault})") from fault
    finally:
        client.close()
    return url
