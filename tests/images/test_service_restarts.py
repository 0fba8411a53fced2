"""A container of pfcon that is stopped and started again while operations run in it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from support.containers import ServiceContainer, ways_in
from support.engines import docker_url, op_image
from support.http_relay import HttpRelay
from support.live import Api
from support.staged import StagedJob
from support.user_objects import UserObjects, seen_from_containers, url_of

from pfcon.testing.waiting import eventually

FILES = 150
OUTPUTS = f'i=0; while [ $i -lt {FILES} ]; do echo $i > "$1/f$i"; i=$((i+1)); done'

pytestmark = [pytest.mark.engine("docker"), pytest.mark.engine("operations_image")]


@pytest.fixture(params=[pytest.param("swift", marks=pytest.mark.engine("swift"))])
def relay(request: pytest.FixtureRequest) -> Iterator[tuple[HttpRelay, UserObjects]]:
    """A store that the test can make slow, and users' data in it."""
    url = url_of(request.param)
    with HttpRelay(urlsplit(url).port or 80) as relay:
        slow = urlsplit(url)._replace(netloc=f"127.0.0.1:{relay.port}").geturl()
        with seen_from_containers(slow) as seen:
            yield relay, UserObjects(request.param, seen)


@pytest.mark.parametrize("kind", ["copy", "upload"])
def test_an_operation_goes_on_when_the_container_is_there_again(
    relay: tuple[HttpRelay, UserObjects], kind: str
) -> None:
    slow, users = relay
    inputs = {f"f{number}": b"%d\n" % number for number in range(FILES)}
    users.add({f"home/bob/data/{name}": data for name, data in inputs.items()})
    url = docker_url()
    service = ServiceContainer(url, op_image(), users.environ, **ways_in("docker", url))
    try:
        service.start()
        job = StagedJob(service)
        if kind == "upload":
            assert job.copied()["status"] == "finishedSuccessfully"
            assert job.plugin(OUTPUTS).status_code == 201
            assert job.wait("plugin")["status"] == "finishedSuccessfully"
        slow.clear()
        slow.delay = 0.05  # seconds
        method = "PUT" if kind == "upload" else "GET"
        assert (job.copy() if kind == "copy" else job.upload()).status_code == 201
        assert eventually(lambda: slow.count(method) > FILES // 4)
        slow.delay = 3  # as long as the container takes to stop
        service.restart()
        assert slow.count(method) < FILES
        slow.delay = 0
        job.api = Api(service.url, service.password)
        ended = job.wait(kind)
        assert ended["status"] == "finishedSuccessfully", ended
        assert "run 2 of" in ended["message"]
        assert users.read(job.output_dir + "/") == inputs if kind == "upload" else job.plugin(OUTPUTS).ok
    finally:
        service.stop()
