"""pfcon as a container, on each engine that can run it so."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.containers import USER, MakeService, ServiceContainer, ways_in
from support.engines import docker_url, op_image, podman_rootless_url, podman_url

URLS = {"docker": docker_url, "podman": podman_url, "podman-rootless": podman_rootless_url}
ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in URLS]


@pytest.fixture(params=ENGINES)
def make_service(request: pytest.FixtureRequest) -> Iterator[MakeService]:
    """A function that gives a pfcon container on the engine, not yet started; it is removed at the end."""
    url = URLS[request.param]()
    with ExitStack() as stack:

        def make(by_name: bool = False, user: str = USER, **environ: str) -> ServiceContainer:
            options = {"user": user, "by_name": by_name, **ways_in(request.param, url)}
            service = ServiceContainer(url, op_image(request.param), environ, **options)
            stack.callback(service.stop)
            return service

        yield make
