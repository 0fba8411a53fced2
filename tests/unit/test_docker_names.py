"""Names of containers: an engine keeps one from the beginning of a create on, and tells of the container at its end."""

import math
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import pytest
from support.settings import compute_settings

from pfcon.compute.docker import containers
from pfcon.compute.docker.engine import DockerEngine
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.errors import Absent, Conflict
from pfcon.models import JobId, JobKind, JobSpec, JobStatus

SPEC = JobSpec("j1", JobId("j1"), JobKind.PLUGIN, "img", ("true",), request="r1")


class Calls:
    """A Docker engine that makes a container for somebody else; it is there after so many looks, or never."""

    podman = False

    def __init__(self, looks: int | None, container: dict[str, Any], creates: int | None = None) -> None:
        """``creates``: after how many refused creates the name is free again."""
        self._looks, self._container, self._creates = looks, container, creates
        self.started: list[str] = []

    def require_new_enough(self) -> None:
        pass

    def create(self, name: str, body: dict[str, Any]) -> str:
        if self._creates is not None:
            self._creates -= 1
            if self._creates < 0:
                return "mine"
        raise Conflict(f"the name {name} is in use")

    def inspect(self, name: str) -> dict[str, Any]:
        if self._looks is None or self._looks > 0:
            self._looks = None if self._looks is None else self._looks - 1
            raise Absent(f"no such container: {name}")
        return {"Name": f"/{name}", "Id": "theirs", **self._container}

    def ask(self, *place: str, **query: str) -> NoReturn:
        raise Absent("no such file")  # nobody has left a note in it

    def start(self, container: str) -> None:
        self.started.append(container)


def created(request: str) -> dict[str, Any]:
    """What an engine tells of a job that was not started yet."""
    labels = {JOB_TYPE_LABEL: "plugin", REQUEST_LABEL: request}
    state = {"Status": "created", "Running": False, "Error": "", "ExitCode": 0}
    return {"Config": {"Labels": labels}, "State": state, "Created": "2026-01-01T00:00:00Z"}


@pytest.fixture
def schedule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Calls], JobStatus]:
    """Ask for the job of SPEC at an engine."""
    monkeypatch.setattr(containers, "_NAME_WAIT", 1.0)

    def ask(calls: Calls) -> JobStatus:
        monkeypatch.setattr(DockerEngine, "_calls", calls)
        settings = compute_settings(storebase=PurePosixPath(tmp_path))
        engine = DockerEngine(settings, settings.own, tmp_path)
        engine._checked_until = math.inf  # of storeBase
        return engine.schedule(SPEC).status

    return ask


def test_a_container_that_comes_later_than_its_name_is_started(schedule: Callable[[Calls], JobStatus]) -> None:
    calls = Calls(3, created("r1"))
    assert schedule(calls) is JobStatus.STARTED
    assert calls.started == ["theirs"]


def test_a_container_of_another_request_that_comes_later_than_its_name_is_a_conflict(
    schedule: Callable[[Calls], JobStatus],
) -> None:
    calls = Calls(3, created("r2"))
    with pytest.raises(Conflict, match="a job j1 already exists"):
        schedule(calls)
    assert calls.started == []


def test_a_name_that_comes_free_is_taken(schedule: Callable[[Calls], JobStatus]) -> None:
    calls = Calls(None, {}, creates=4)
    assert schedule(calls) is JobStatus.STARTED
    assert calls.started == ["mine"]


def test_a_name_that_stays_in_use_without_a_container_is_told(schedule: Callable[[Calls], JobStatus]) -> None:
    with pytest.raises(Conflict, match="reserves the name of job j1"):
        schedule(Calls(None, {}))


def test_a_container_that_is_no_job_is_a_conflict_at_once(schedule: Callable[[Calls], JobStatus]) -> None:
    with pytest.raises(Conflict, match="another container has the name"):
        schedule(Calls(0, {"Config": {"Labels": {}}}))
