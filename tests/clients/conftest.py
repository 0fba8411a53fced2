"""A live server on each engine and with each storage, for the released clients."""

from collections.abc import Iterator

import pytest
from support.live import LiveServer
from support.serving import serve

ENGINES = ["process", "docker", "podman", "slurm", "swarm"]
IN_NETWORK = ["fslink", "filesystem"]
# Jobs begin more slowly on Slurm and on a Swarm, and nothing of what these tests ask for is their own.
PAIRS = [f"{engine}-{storage}" for engine in ENGINES if engine not in ("slurm", "swarm") for storage in IN_NETWORK]


@pytest.fixture(scope="session", params=ENGINES)
def live(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server that takes zips."""
    with serve(request.param, "zipfile") as server:
        yield server


@pytest.fixture(scope="session", params=ENGINES)
def fslink(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server whose storage is fslink: its storeBase is that of the users, too."""
    with serve(request.param, "fslink") as server:
        yield server


@pytest.fixture(scope="session", params=ENGINES)
def filesystem(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server whose storage is filesystem: its storeBase is that of the users, too."""
    with serve(request.param, "filesystem") as server:
        yield server


@pytest.fixture(scope="session", params=PAIRS)
def innetwork(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server of each of these storages."""
    engine, storage = request.param.split("-")
    with serve(engine, storage) as server:
        yield server


@pytest.fixture
def refusing() -> Iterator[LiveServer]:
    """A server whose delete jobs do not cancel."""
    with serve("process", "fslink", PFCON_DELETE_ACTIVE="refuse") as server:
        yield server
