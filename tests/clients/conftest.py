"""A live server on each engine and with each storage, for the released clients."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.engines import docker_url, podman_url
from support.live import LiveServer

ENGINES = ["process", "docker", "podman"]
IN_NETWORK = ["fslink", "filesystem"]


@contextmanager
def serve(engine: str, storage: str, **settings: str) -> Iterator[LiveServer]:
    """``pfcon serve`` with that engine and storage."""
    innetwork = str(storage != "zipfile").lower()
    environ = {"CONTAINER_ENV": engine, "STORAGE_ENV": storage, "PFCON_INNETWORK": innetwork, **settings}
    if engine != "process":
        environ["DOCKER_HOST"] = docker_url() if engine == "docker" else podman_url()
    with tempfile.TemporaryDirectory(prefix="pfcon-client-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        Path(name).chmod(0o755)
        with LiveServer(storebase, environ) as server:
            yield server


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


@pytest.fixture(scope="session", params=[f"{engine}-{storage}" for engine in ENGINES for storage in IN_NETWORK])
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
