"""The engines and object stores that contracts are run against."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.compute import make_harness
from support.journals import Database, open_journal
from support.object_stores import ObjectHarness
from support.postgresql import own_schema

from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.testing.compute import Harness, Outcomes, side_by_side
from pfcon.testing.storebase import temporary_storebase

ENGINES = [
    "process",
    pytest.param("cromwell", marks=pytest.mark.engine("cromwell")),
    pytest.param("docker", marks=pytest.mark.engine("docker")),
    "fake-kubernetes",
    "fake-kubernetes-1.20",
    pytest.param("kubernetes", marks=pytest.mark.engine("kubernetes")),
    pytest.param("podman", marks=pytest.mark.engine("podman")),
    pytest.param("podman-rootless", marks=pytest.mark.engine("podman-rootless")),
    pytest.param("swarm", marks=pytest.mark.engine("swarm")),
]  # Slurm's turn is in test_slurm_cgroup and test_slurm_plain: its jobs wait for whole seconds
OBJECT_STORES = [
    pytest.param(name, marks=pytest.mark.engine(name)) for name in ("swift", "s3", "ceph-swift", "ceph-s3")
]


@pytest.fixture(params=ENGINES)
def compute(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[Harness]:
    """One engine; what a test schedules on it is removed at the end."""
    harness = make_harness(request.param, storebase.root)
    yield harness
    harness.close()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """The results of all of the compute contract's tests on the engine that a module names."""
    with temporary_storebase() as storebase, side_by_side(make_harness(request.param, storebase.root)) as outcomes:
        yield outcomes


@pytest.fixture(params=OBJECT_STORES)
def objects(request: pytest.FixtureRequest) -> Iterator[ObjectHarness]:
    """An object store with an empty container of its own."""
    harness = ObjectHarness(request.param.removeprefix("ceph-"), ceph=request.param.startswith("ceph-"))
    harness.store.create_container()
    yield harness
    harness.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """What ``connect`` takes, for an empty database."""
    if request.param == "sqlite":
        yield None, tmp_path
        return
    with own_schema() as url:
        yield url, tmp_path


@pytest.fixture
def journal(database: Database) -> Iterator[Journal]:
    """The journal of a living service process."""
    with open_journal(database) as opened:
        yield opened


SQLITE, POSTGRESQL = "sqlite", "postgresql"


@pytest.fixture(params=[(SQLITE, POSTGRESQL), (POSTGRESQL, SQLITE)], ids="-to-".join)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """Where records come from, and where they go to; both are empty."""
    with ExitStack() as stack:
        found: list[Database] = []
        for name in request.param:
            directory = tmp_path / name
            directory.mkdir()
            found.append((stack.enter_context(own_schema()) if name == POSTGRESQL else None, directory))
        yield found[0], found[1]


@pytest.fixture
def engines(databases: tuple[Database, Database]) -> Iterator[tuple[Engine, Engine]]:
    """The same, opened."""
    source, target = (connect(*database) for database in databases)
    yield source, target
    source.dispose()
    target.dispose()


@pytest.fixture
def target(engines: tuple[Engine, Engine]) -> Engine:
    """Where records go to."""
    return engines[1]
