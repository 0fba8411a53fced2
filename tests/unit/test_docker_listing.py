"""The lists of all jobs on a Docker API: what is requested, and what is made of the answer."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import pytest
from support.compute import make_harness
from support.engines import api_client, docker_url, podman_url

from pfcon.compute.docker import listing
from pfcon.compute.docker.spec import container_name, create_body, job_name
from pfcon.compute.docker.state import START_PATIENCE
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.models import JobStatus
from pfcon.paths import StoreBase

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
URLS = {"docker": docker_url, "podman": podman_url}
ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in URLS]


def container(name: str, state: str = "running", age: timedelta = timedelta(0), **changes: Any) -> dict[str, Any]:
    created = int((NOW - age).timestamp())
    labels = {JOB_TYPE_LABEL: "plugin", REQUEST_LABEL: f"request of {name}"}
    found = {"Id": f"id-of-{name}", "Names": [f"/{name}"], "State": state, "Created": created, "Labels": labels}
    return {**found, "Status": f"Up {age}", **changes}


def test_the_text_of_a_job_changes_with_its_state_not_with_its_age() -> None:
    (first,) = listing.active_jobs([container("a")], NOW).items()
    assert listing.active_jobs([container("a", age=timedelta(hours=3))], NOW) == dict([first])
    assert listing.active_jobs([container("a", "paused")], NOW) != dict([first])
    assert listing.active_jobs([container("a", Id="another")], NOW) != dict([first])


def test_a_container_that_was_not_started_in_time_is_left_out() -> None:
    second = timedelta(seconds=1)
    assert listing.active_jobs([container("a", "created", START_PATIENCE - second)], NOW)
    assert not listing.active_jobs([container("a", "created", START_PATIENCE + second)], NOW)


def test_a_container_that_can_not_be_read_does_not_affect_others(caplog: pytest.LogCaptureFixture) -> None:
    odd = [None, {}, container("x", Names=None), container("y", "created", Created="today"), container("b")]
    with caplog.at_level(logging.WARNING):
        assert list(listing.active_jobs([container("a"), *odd], NOW)) == ["a", "b"]
    assert "can't be read" in caplog.text


@pytest.mark.parametrize("names", [[], ["/other/link"], None])
def test_a_container_without_a_name_of_its_own_does_not_affect_others(names: list[str] | None) -> None:
    listed = [container("a", Names=names), container("b")]
    assert list(listing.active_jobs(listed, NOW)) == ["b"]


def test_an_entry_that_can_not_be_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        listing.active_jobs([None], NOW)
    assert len(caplog.records) == 1


def test_the_name_is_the_containers_own_not_that_of_a_link() -> None:
    found = [container("a", Names=["/other/alias", "/a"]), container(container_name("b"))]
    assert listing.requests(found) == {"a": "request of a", "b": f"request of {container_name('b')}"}


def test_a_job_of_an_earlier_release_has_no_request() -> None:
    assert listing.requests([container("a", Labels={JOB_TYPE_LABEL: "plugin"})]) == {"a": ""}


@pytest.mark.parametrize("name", ["a", "ab", "pfcon-copy"])
def test_the_name_of_a_job_is_found_from_that_of_its_container(name: str) -> None:
    assert job_name(container_name(name)) == name


def test_only_the_list_of_active_jobs_is_limited_to_states() -> None:
    filters = [json.loads(str(listing.query(active=active, podman=True)["filters"])) for active in (True, False)]
    assert [set(found) for found in filters] == [{"label", "status"}, {"label"}]


@pytest.mark.parametrize("name", ENGINES)
def test_a_created_container_is_active_and_a_paused_one_too(name: str, storebase: StoreBase) -> None:
    compute = make_harness(name, storebase.root)
    with api_client(URLS[name]()) as client:
        try:
            spec = compute.spec(["sleep", "300"])
            client.create_container_from_config(create_body(spec, PurePosixPath(storebase.root)), spec.name)
            created = (compute.engine.active_jobs() or {})[spec.name]
            assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
            client.start(spec.name)
            running = (compute.engine.active_jobs() or {})[spec.name]
            client.pause(spec.name)
            paused = (compute.engine.active_jobs() or {})[spec.name]
            assert len({created, running, paused}) == 3
        finally:
            compute.close()
