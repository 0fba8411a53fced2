"""Servers that a test may kill, on each engine; inputs in object stores that a test may kill."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.live import LiveServer, StartServer
from support.object_inputs import ObjectInputs, object_inputs
from support.object_stores import ObjectServer, object_server
from support.postgresql import own_schema
from support.serving import URLS

from pfcon.models import JobId
from pfcon.paths import StoreBase

if TYPE_CHECKING:
    from support.kubernetes import KubernetesHarness

CLUSTERS = ["fake-kubernetes", pytest.param("kubernetes", marks=pytest.mark.engine("kubernetes"))]
STORES = [pytest.param(kind, marks=pytest.mark.engine(kind)) for kind in ("swift", "s3")]


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """A function that starts a server with a storeBase of its own: ``start_server(engine, **environ)``."""
    with ExitStack() as stack:

        def start(engine: str = "process", **environ: str) -> LiveServer:
            if engine in URLS:
                environ = {"DOCKER_HOST": URLS[engine](), **environ}
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="pfcon-faults-", ignore_cleanup_errors=True))
            Path(name).chmod(0o755)
            storebase = Path(name, "storeBase")
            storebase.mkdir()
            return stack.enter_context(LiveServer(storebase, {"CONTAINER_ENV": engine, **environ}))

        yield start


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty schema of PostgreSQL."""
    with own_schema() as url:
        yield url


@pytest.fixture(params=CLUSTERS)
def kubernetes(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator["KubernetesHarness"]:
    """A Kubernetes, fake or real."""
    from support.kubernetes import kubernetes_harness

    harness = kubernetes_harness(request.param, storebase.root)
    yield harness
    harness.close()


@pytest.fixture(scope="module")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """A Swift with S3 that a test may kill, and has to start again then."""
    with object_server(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(params=STORES)
def inputs(request: pytest.FixtureRequest, store_server: ObjectServer, storebase: StoreBase) -> Iterator[ObjectInputs]:
    """A job's inputs in each of the object stores; none yet."""
    with object_inputs(request.param, store_server, storebase.job(JobId("j1"))) as found:
        yield found


@pytest.fixture
def swift_inputs(store_server: ObjectServer, storebase: StoreBase) -> Iterator[ObjectInputs]:
    """The same, in Swift alone."""
    with object_inputs("swift", store_server, storebase.job(JobId("j1"))) as found:
        yield found
