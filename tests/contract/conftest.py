"""The engines that the compute contract is run against."""

from collections.abc import Iterator

import pytest
from support.compute import Harness, make_harness

from pfcon.paths import StoreBase

ENGINES = [
    "process",
    pytest.param("cromwell", marks=pytest.mark.engine("cromwell")),
    pytest.param("docker", marks=pytest.mark.engine("docker")),
    pytest.param("podman", marks=pytest.mark.engine("podman")),
    pytest.param("swarm", marks=pytest.mark.engine("swarm")),
]


@pytest.fixture(params=ENGINES)
def compute(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[Harness]:
    """One engine; what a test schedules on it is removed at the end."""
    harness = make_harness(request.param, storebase.root)
    yield harness
    harness.close()
