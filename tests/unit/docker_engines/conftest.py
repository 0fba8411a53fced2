"""The engines with Docker's API on one host: Docker and Podman, really."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.compute import make_harness
from support.engines import api_client, docker_url, podman_url

from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness

ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman")]


@pytest.fixture(params=ENGINES)
def compute(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[Harness]:
    """The harness of one of them, whose jobs are removed at the end."""
    harness = make_harness(request.param, storebase.root)
    yield harness
    harness.close()


@pytest.fixture
def url(compute: Harness) -> str:
    """Its address."""
    return docker_url() if compute.name == "docker" else podman_url()


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    """A client of its API, to see and do what others do there."""
    client = api_client(url)
    yield client
    client.close()
