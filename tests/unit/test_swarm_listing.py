"""The lists of all jobs of a Swarm: what is requested, and what is made of the answer."""

import copy
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.compute import make_harness
from support.engines import swarm_url
from support.settings import compute_settings, docker_at

from pfcon.compute.swarm.engine import SwarmEngine
from pfcon.compute.swarm.listing import ACTIVE, active_jobs, requests
from pfcon.compute.swarm.spec import NAME_LABEL, service_spec
from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

LIVES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "swarm" / "lives.json").read_text())
GRACE = timedelta(minutes=10)
NOW = datetime(2026, 11, 21, 8, 9, tzinfo=UTC)  # less than a minute after the recording


def listed(life: str) -> list[dict[str, Any]]:
    """The tasks of a recorded life that are in Swarm's answer."""
    return [copy.deepcopy(task) for task in LIVES[life]["tasks"] if task["DesiredState"] in ACTIVE["desired-state"]]


def text(tasks: list[dict[str, Any]], now: datetime = NOW) -> str:
    return active_jobs(tasks, now, GRACE).get(name_of(tasks[0]), "")


def name_of(task: dict[str, Any]) -> str:
    return str(task["Spec"]["ContainerSpec"]["Labels"][NAME_LABEL])


@pytest.mark.parametrize("life", sorted(LIVES))
def test_of_recorded_lives_only_those_that_have_not_ended_are_active(life: str) -> None:
    assert bool(active_jobs(listed(life), NOW, GRACE)) == (life in ("running", "no room"))
    assert bool(active_jobs(LIVES[life]["tasks"], NOW, GRACE)) == (life in ("running", "no room"))


def test_the_text_of_a_job_changes_with_each_of_its_workers() -> None:
    first, second = listed("running")[0], listed("running")[0]
    second |= {"ID": "another", "Slot": 2}
    whole = text([first, second])
    assert text([second, first]) == whole
    assert text([first]) not in (whole, "")  # the other has ended, and is not listed any more
    second["Status"]["State"] = "failed"
    assert text([first, second]) not in (whole, "")
    first["Status"]["State"] = "failed"
    assert not text([first, second])


def test_the_text_of_a_job_that_waits_for_a_node_changes_when_the_reason_does() -> None:
    tasks = listed("no room")
    before = text(tasks)
    tasks[0]["Status"]["Err"] = "no suitable node (1 node not available for new tasks)"
    assert text(tasks) not in (before, "")


def test_the_text_of_a_job_that_waits_too_long_changes_every_minute() -> None:
    tasks = listed("no room")
    created = datetime.fromisoformat(tasks[0]["CreatedAt"])
    minute = timedelta(minutes=1)
    texts = [text(tasks, created + minute * number) for number in (0, 5, 9.9, 10.1, 11.1, 11.9, 12.1)]
    assert texts[0] == texts[1] == texts[2]
    assert texts[4] == texts[5]
    assert len({*texts}) == 4
    running = listed("running")
    assert text(running, NOW + timedelta(days=9)) == text(running)


def test_a_task_that_can_not_be_read_does_not_affect_other_jobs(caplog: pytest.LogCaptureFixture) -> None:
    odd = listed("running")[0]
    odd["Spec"]["ContainerSpec"]["Labels"][NAME_LABEL] = "odd"
    del odd["Status"]
    with caplog.at_level(logging.WARNING):
        assert list(active_jobs([None, {}, odd, *listed("running")], NOW, GRACE)) == [name_of(listed("running")[0])]
        for _ in range(3):
            active_jobs([odd, {}], NOW, GRACE)
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("a task in Swarm's list can't be read") for line in lines)
    assert len(lines) == len(set(lines))  # no line comes again, however often jobs are listed


def test_the_request_of_each_service_is_listed() -> None:
    services = [None, {}, {"Spec": {"Labels": None}}, LIVES["exit 3"]["service"]]
    assert list(requests(services).values()) == ["5eed"]


@pytest.mark.engine("swarm")
def test_a_job_that_info_would_end_has_another_text(storebase: StoreBase) -> None:
    compute = make_harness("swarm", storebase.root)
    settings = compute_settings(storebase=PurePosixPath(storebase.root), own=docker_at(swarm_url()))
    engine, impatient = (SwarmEngine(settings, settings.own, storebase.root, pending_grace=grace) for grace in (600, 0))
    try:
        spec = compute.shell("exit 0", resources=Resources(gpus=3))
        body = service_spec(spec, PurePosixPath(storebase.root), stop_grace=1, gpu_kind="gpu")
        engine._calls.create(body)
        assert eventually(lambda: "insufficient" in engine.active_jobs().get(spec.name, ""))
        assert engine.active_jobs()[spec.name] != impatient.active_jobs()[spec.name]
        assert eventually(lambda: impatient.info(spec.name).status is JobStatus.FAILED)
        assert eventually(lambda: spec.name not in engine.active_jobs())
    finally:
        for made in (engine, impatient):
            made._calls._client.close()
        compute.close()
