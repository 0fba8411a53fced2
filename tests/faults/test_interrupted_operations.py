"""Copy, upload and delete jobs that are ended from outside: pfcon runs them again by itself, clients see no failure."""

import os
import signal
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from support.http_relay import HttpRelay
from support.interruptions import Work, interrupt, kill, parents
from support.live import LiveServer, StartServer
from support.staged import INNETWORK, StagedJob
from support.user_objects import UserObjects, url_of

OPERATIONS = [
    ("fslink", "copy"),
    ("fslink", "delete"),
    *[
        pytest.param(storage, kind, marks=pytest.mark.engine(storage))
        for storage in ("swift", "s3")
        for kind in ("copy", "upload", "delete")
    ],
]


@pytest.fixture
def work(request: pytest.FixtureRequest, start_server: StartServer) -> Iterator[Work]:
    """A server of a storage; an object store behind a relay is slow enough to be caught in the middle."""
    storage: str = request.param
    if storage == "fslink":
        work = Work(start_server("process", **INNETWORK))
        work.prepare()
        yield work
        return
    url = url_of(storage)
    with HttpRelay(urlsplit(url).port or 80) as relay:
        users = UserObjects(storage, urlsplit(url)._replace(netloc=f"127.0.0.1:{relay.port}").geturl())
        work = Work(start_server("process", **users.environ), users)
        work.prepare()
        relay.delay = 0.03  # seconds
        yield work


def the_operation(_server: LiveServer, operations: list[int]) -> None:
    """As the system does that has no memory left."""
    kill(operations)


def its_supervisor(_server: LiveServer, operations: list[int]) -> None:
    """The operation ends with it."""
    kill(parents(operations))


def everything(server: LiveServer, operations: list[int]) -> None:
    """As a container that is stopped, or a machine."""
    supervisors = parents(operations)
    server.kill()
    kill([*supervisors, *operations])
    server.start()


def what_systemd_stops(server: LiveServer, operations: list[int]) -> None:
    """SIGTERM to every process of the service's control group, which is its KillMode by default."""
    for pid in [*parents(operations), *operations]:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
    server.stop()
    server.start()


@pytest.mark.slow
@pytest.mark.parametrize("end", [the_operation, its_supervisor, everything, what_systemd_stops])
@pytest.mark.parametrize(("work", "kind"), OPERATIONS, indirect=["work"])
def test_an_interrupted_operation_goes_on_by_itself(
    work: Work, kind: str, end: Callable[[LiveServer, list[int]], None]
) -> None:
    interrupt(work, kind, StagedJob.operation_pids, lambda _job, operations: end(work.server, operations))
