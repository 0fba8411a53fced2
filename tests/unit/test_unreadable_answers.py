"""Whatever an engine puts where something else was expected makes one job ``undefined``, and nothing else."""

import copy
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.cromwell import state as cromwell
from pfcon.compute.docker import state as docker
from pfcon.compute.kubernetes import state as kubernetes
from pfcon.compute.kubernetes import views
from pfcon.compute.kubernetes.watcher import Follower
from pfcon.compute.swarm import nodes
from pfcon.compute.swarm import state as swarm
from pfcon.compute.unreadable import FAULTS, utc
from pfcon.models import JobInfo, JobStatus

DATA = Path(__file__).parents[1] / "data"
ODD: tuple[Any, ...] = (None, "odd", 7, -1, [], ["odd"], {}, {"odd": "odd"}, "2026-13-45T99:00:00Z", True)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text())


DOCKER = {engine: recorded(f"docker/{engine}-inspects.json") for engine in ("docker", "podman")}
SWARM = recorded("swarm/lives.json")
KUBERNETES = recorded("kubernetes/lives-1.20.json")


def places(answer: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each part of an answer, but the whole."""
    parts = answer.items() if isinstance(answer, dict) else enumerate(answer) if isinstance(answer, list) else ()
    for key, part in parts:
        yield (*way, key)
        yield from places(part, (*way, key))


def spoiled(answer: Any, least: int) -> Iterator[Any]:
    """The answer with one part after the other replaced by something odd, or gone; parts at a depth of ``least``."""
    for way in [found for found in places(answer) if len(found) >= least]:
        for odd in (*ODD, "gone"):
            changed = copy.deepcopy(answer)
            part = changed
            for key in way[:-1]:
                part = part[key]
            if odd == "gone":
                del part[way[-1]]
            else:
                part[way[-1]] = copy.deepcopy(odd)
            yield changed


def all_told(answers: Iterator[Any], tell: Callable[[Any], JobInfo]) -> set[JobStatus]:
    """The statuses of all these, each of which has to be a whole JobInfo."""
    statuses = set()
    for answer in answers:
        info = tell(answer)
        assert isinstance(info.status, JobStatus)
        assert info.message or info.status is not JobStatus.UNDEFINED
        assert info.finished_at is None or info.finished_at.tzinfo
        statuses.add(info.status)
    return statuses


@pytest.mark.parametrize("life", ["running", "exit 3", "created", "memory"])
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_whatever_is_odd_in_a_container_s_answer_the_job_is_told_of(engine: str, life: str) -> None:
    answer = DOCKER[engine].get(life) or DOCKER[engine]["exit 3"]
    parts = {key: answer[key] for key in ("Id", "Name", "Created", "State", "Config")}
    parts["HostConfig"] = {"Memory": answer["HostConfig"].get("Memory")}
    assert all_told(spoiled(parts, 2), lambda odd: docker.job_info("job", odd, NOW))


def test_the_answer_about_one_container_is_undefined_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = copy.deepcopy(DOCKER["docker"]["exit 3"])
    answer["State"]["ExitCode"] = {"Code": 3}
    with caplog.at_level(logging.WARNING):
        info = docker.job_info("job", answer, NOW)
    assert info.status is JobStatus.UNDEFINED
    assert info.message.startswith("the container engine's answer about job job can't be read: TypeError")
    assert info.request == docker.request_of(answer)
    assert info.message in caplog.text


@pytest.mark.parametrize("life", ["running", "exit 3", "workers", "no room"])
def test_whatever_is_odd_in_a_task_the_job_is_told_of(life: str) -> None:
    found = SWARM[life]

    def told(tasks: list[Any]) -> JobInfo:
        swarm.own_tasks(tasks)
        swarm.failed_worker(tasks, [])
        return swarm.job_info("job", found["service"], tasks)

    assert JobStatus.UNDEFINED in all_told(spoiled(found["tasks"][:1], 1), told)


def test_a_node_that_cannot_be_read_may_have_anything() -> None:
    """So that no job is refused for its sake."""
    found: list[dict[str, Any]] = recorded("swarm/nodes.json")
    wanted = {"MemoryBytes": 1 << 60}
    assert nodes.why_never(wanted, found)
    odd = [*found, {"ID": "odd", "Spec": {}, "Description": {"Resources": {"MemoryBytes": "much"}}}]
    assert nodes.why_never(wanted, odd) == ""
    nodes.gpu_kind(odd)


@pytest.mark.parametrize("life", ["exit-3", "memory", "workers", "claim"])
def test_whatever_is_odd_in_a_pod_the_job_is_told_of(life: str) -> None:
    sight = KUBERNETES[life][-1]

    def told(pods: list[Any]) -> JobInfo:
        view = views.view_of(sight["job"], pods)
        kubernetes.stuck(view)
        kubernetes.end_pending(view)
        return kubernetes.job_info(view, NOW)

    assert all_told(spoiled(sight["pods"][:1], 2), told)


def test_a_pod_that_cannot_be_read_makes_an_active_job_undefined() -> None:
    sight = copy.deepcopy(KUBERNETES["memory"][1])
    sight["pods"][0]["status"]["containerStatuses"] = "none"
    info = kubernetes.job_info(views.view_of(sight["job"], sight["pods"]), NOW)
    assert info.status is JobStatus.UNDEFINED
    assert info.message.startswith(f"Kubernetes' answer about pod {sight['pods'][0]['metadata']['name']} can't be read")


def test_whatever_is_odd_in_a_job_of_kubernetes_it_is_told_of() -> None:
    sight = KUBERNETES["exit-3"][-1]
    kept = {"metadata": {**sight["job"]["metadata"]}, **{key: sight["job"][key] for key in ("spec", "status")}}

    def told(job: Any) -> JobInfo:
        job["metadata"] = kept["metadata"]
        return kubernetes.job_info(views.view_of(job, sight["pods"]), NOW)

    assert all_told(spoiled(kept, 2), told)


def test_cromwell_s_metadata_is_read_or_refused_as_a_whole() -> None:
    for odd in spoiled(recorded("cromwell/metadata-failed.json"), 1):
        cromwell.log_paths(odd)
        try:
            cromwell.end_of(odd)
        except FAULTS:
            continue


def test_a_time_that_is_none_is_none() -> None:
    assert [utc(odd) for odd in ODD] == [None] * len(ODD)
    assert utc("2026-11-21T08:03:20.123456789Z") == datetime(2026, 11, 21, 8, 3, 20, 123456, tzinfo=UTC)


class Calls:
    """A Kubernetes that lists and tells what it is given."""

    def __init__(self, listed: list[Any], events: list[Any]) -> None:
        self.listed, self.events = listed, events

    def pages(self, _resource: str, _selector: str) -> Iterator[Any]:
        yield {"metadata": {"resourceVersion": "1"}, "items": self.listed}

    @contextmanager
    def watch(self, *_: object) -> Iterator[Iterator[Any]]:
        yield iter(self.events)


def test_what_cannot_be_read_of_one_job_leaves_the_others_followed() -> None:
    jobs = [{"metadata": {"name": f"job-{number}"}, "spec": {"template": {"spec": {}}}} for number in (1, 2)]
    follower = Follower("jobs", lambda item: str(item["metadata"]["name"]), views.has_ended)
    follower.follow(Calls([jobs[0], {"metadata": "odd"}, "odd", jobs[1]], []), 1)  # type: ignore[arg-type]
    assert [bool(follower.of(f"job-{number}")) for number in (1, 2)] == [True, True]


def test_after_an_event_that_cannot_be_read_all_is_listed_anew() -> None:
    job = {"metadata": {"name": "job-1", "resourceVersion": "2"}, "spec": {"template": {"spec": {}}}}
    follower = Follower("jobs", lambda item: str(item["metadata"]["name"]), views.has_ended)
    calls = Calls([], [{"type": "MODIFIED", "object": {"metadata": None}}])
    follower.follow(calls, 1)  # type: ignore[arg-type]
    calls.listed, calls.events = [job], []
    follower.follow(calls, 1)  # type: ignore[arg-type]
    assert follower.of("job-1")
