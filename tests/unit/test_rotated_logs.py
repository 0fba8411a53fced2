"""Logs of which a real Docker engine drops the oldest part (log options max-size and max-file)."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from support.compute import make_harness
from support.engines import api_client, docker_url

from pfcon.compute.docker.spec import create_body
from pfcon.compute.log_copy import LOST
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.compute.logs import LogReader
from pfcon.testing.waiting import eventually

KEPT = {"Type": "json-file", "Config": {"max-size": "64k", "max-file": "2"}}
SCRIPT = """
burst() { while [ $i -lt $2 ]; do i=$((i + 1)); echo "line $i"; done; touch "$1/done-$2"; }
i=0; burst "$1" 200
for until in 400 9000; do until [ -e "$1/go-$until" ]; do sleep 0.05; done; burst "$1" $until; done
"""


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness("docker", storebase.root)
    yield harness
    harness.close()


@pytest.fixture
def client() -> Iterator[Any]:
    client = api_client(docker_url())
    yield client
    client.close()


def start(compute: Harness, client: Any) -> JobSpec:
    """A job on an engine whose administrator has bounded logs."""
    spec = compute.shell(SCRIPT)
    body = create_body(spec, PurePosixPath(compute.storebase.root))
    body["HostConfig"]["LogConfig"] = KEPT
    client.start(client.create_container_from_config(body, spec.name)["Id"])
    return spec


@pytest.mark.engine("docker")
def test_what_docker_drops_is_missing_once_and_nothing_comes_twice(compute: Harness, client: Any) -> None:
    spec = start(compute, client)
    reader = LogReader(compute, spec)
    for until in (200, 400, 9000):
        compute.outgoing(spec).joinpath(f"go-{until}").touch()
        assert eventually((compute.outgoing(spec) / f"done-{until}").exists)
        if until < 9000:
            last = b"line %d\n" % until
            assert eventually(lambda end=last: reader.read().endswith(end))  # type: ignore[misc]
    compute.wait(spec.name)
    first, lost, rest = reader.read(ended=True).partition(LOST)
    assert first == b"".join(b"line %d\n" % number for number in range(1, 401))
    assert lost
    begin = int(rest.split()[1])
    assert begin > 401
    assert rest == b"".join(b"line %d\n" % number for number in range(begin, 9001))
    assert reader.read(ended=True).count(LOST) == 1
