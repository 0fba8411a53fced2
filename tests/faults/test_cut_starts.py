"""A container whose start was cut off, because pfcon was killed: Docker 26 gives the start up, others go on."""

import contextlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from support import dev_modules
from support.compute import make_harness
from support.engines import api_client, docker_url, podman_url

from pfcon.compute.docker.spec import create_body
from pfcon.errors import Conflict
from pfcon.models import JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness

ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman")]
ROUNDS = 5


@pytest.fixture(params=ENGINES)
def compute(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness(request.param, storebase.root)
    yield harness
    harness.close()


@pytest.fixture
def client(compute: Harness) -> Iterator[Any]:
    client = api_client(url_of(compute))
    yield client
    client.close()


def url_of(compute: Harness) -> str:
    return docker_url() if compute.name == "docker" else podman_url()


def cut_start(url: str, container: str) -> None:
    """Ask for the start of a container, and go away."""
    connection = dev_modules.load("engine_api").connect(url, 30)
    connection.request("POST", f"/containers/{container}/start")
    connection.close()


def test_a_job_whose_start_was_cut_off_runs_when_it_is_asked_for_again(compute: Harness, client: Any) -> None:
    for _ in range(ROUNDS):
        spec = compute.shell("echo ran")
        body = create_body(spec, PurePosixPath(compute.storebase.root))
        cut_start(url_of(compute), client.create_container_from_config(body, spec.name)["Id"])
        with contextlib.suppress(Conflict):  # the engine has gone on with the start
            compute.engine.schedule(spec)
        info = compute.wait(spec.name)
        assert (info.status, info.reason) == (JobStatus.SUCCEEDED, "")
        assert compute.engine.logs(spec.name, 9) == "ran\n"
