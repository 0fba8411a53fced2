"""Operations as containers (PFCON_OP_IMAGE) that are killed in the middle, alone or together with the service."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.engines import api_client, docker_url, op_image
from support.http_relay import HttpRelay
from support.interruptions import Work, interrupt
from support.live import StartServer
from support.staged import INNETWORK, StagedJob
from support.user_objects import UserObjects, seen_from_containers, url_of

OPERATIONS = [
    ("fslink", "copy"),
    ("fslink", "delete"),
    *[pytest.param("swift", kind, marks=pytest.mark.engine("swift")) for kind in ("copy", "upload", "delete")],
    *[pytest.param("s3", kind, marks=pytest.mark.engine("s3")) for kind in ("copy", "upload")],
]


@pytest.fixture
def work(request: pytest.FixtureRequest, start_server: StartServer) -> Iterator[Work]:
    """A server of a storage on Docker; an object store behind a relay is slow enough to be caught in the middle."""
    storage: str = request.param
    environ = {"PFCON_OP_IMAGE": op_image()}
    if storage == "fslink":
        work = Work(start_server("docker", **INNETWORK, **environ))
        work.prepare()
        yield work
        return
    url = url_of(storage)
    with HttpRelay(urlsplit(url).port or 80) as relay:
        slow = urlsplit(url)._replace(netloc=f"127.0.0.1:{relay.port}").geturl()
        with seen_from_containers(slow) as seen:
            users = UserObjects(storage, seen)
            work = Work(start_server("docker", **users.environ, **environ), users)
            work.prepare()
            relay.delay = 0.03  # seconds
            yield work


def pids_in_container(job: StagedJob) -> list[int]:
    """The processes of a job's operation, which sees the job's directory elsewhere."""
    directory = os.fsencode(f"/{job.key.name}")
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            operates = words[1:3] == [b"-m", b"pfcon.operations"]  # the container's init has these words further behind
            if operates and any(word.endswith(directory) for word in words):
                found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("with_service", [False, True], ids=["alone", "with-the-service"])
@pytest.mark.parametrize(("work", "kind"), OPERATIONS, indirect=["work"])
def test_an_operation_whose_container_is_killed_goes_on_by_itself(work: Work, kind: str, with_service: bool) -> None:
    def end(job: StagedJob, _operations: list[int]) -> None:
        if with_service:
            work.server.kill()
        with contextlib.closing(api_client(docker_url())) as engine:
            engine.kill(f"{job.jid}-{kind}")
        if with_service:
            work.server.start()

    interrupt(work, kind, pids_in_container, end)
