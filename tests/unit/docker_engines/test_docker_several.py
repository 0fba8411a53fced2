"""Several workers on a Docker API: what crashes and other people leave of their containers, on real engines."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.compute import make_harness
from support.engines import IMAGE

from pfcon.compute.docker import listing
from pfcon.compute.docker.several import Containers
from pfcon.compute.docker.spec import JOB_LABEL, container_name, create_body
from pfcon.compute.docker.state import START_PATIENCE
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.compute.docker_api.phase import time_of
from pfcon.errors import Absent, Conflict
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.reasons import CANCELLED, SUCCESS, Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

INSPECTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "docker" / "docker-inspects.json").read_text()
)
THREE = Resources(workers=3)
ONCE = 'echo x >>"$1/ran-$PFCON_WORKER"'  # once for each start
LASTS = f"{ONCE}; while :; do sleep 0.1; done"


def create(compute: Harness, client: Any, spec: JobSpec, worker: int) -> str:
    """What a crash after the creation of one container leaves of it."""
    body = create_body(spec, PurePosixPath(compute.storebase.root), worker=worker)
    made: str = client.create_container_from_config(body, container_name(spec.name, worker))["Id"]
    return made


def names_of(client: Any, spec: JobSpec) -> list[str]:
    listed = client.containers(all=True, filters={"label": f"{JOB_LABEL}={spec.name}"})
    return sorted(name.removeprefix("/") for found in listed for name in found["Names"])


def ran(compute: Harness, spec: JobSpec) -> dict[str, str]:
    return {path.name: path.read_text() for path in compute.outgoing(spec).glob("ran-*")}


def start_three(compute: Harness) -> JobSpec:
    spec = compute.shell(LASTS, resources=THREE, request="aa")
    compute.engine.schedule(spec)
    assert eventually(lambda: len(ran(compute, spec)) == 3)
    return spec


EACH_ONCE = {f"ran-{number}": "x\n" for number in range(3)}


@pytest.mark.parametrize("created", [1, 2, 3])
def test_a_job_of_which_a_crash_left_only_some_containers_is_started(
    compute: Harness, client: Any, created: int
) -> None:
    spec = compute.shell(ONCE, resources=THREE, request="aa")
    for worker in range(created):
        create(compute, client, spec, worker)
    assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert ran(compute, spec) == EACH_ONCE
    assert names_of(client, spec) == sorted(container_name(spec.name, worker) for worker in range(3))


def test_a_worker_that_ran_before_a_crash_does_not_run_again(compute: Harness, client: Any) -> None:
    spec = compute.shell(ONCE, resources=THREE, request="aa")
    create(compute, client, spec, 0)
    made = create(compute, client, spec, 2)
    client.start(made)
    client.wait(made)
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert ran(compute, spec) == EACH_ONCE


def test_another_request_does_not_take_over_what_a_crash_left(compute: Harness, client: Any) -> None:
    spec = compute.shell(ONCE, resources=THREE, request="aa")
    create(compute, client, spec, 0)
    other = compute.shell(ONCE, name=spec.name, resources=THREE, request="bb")
    with pytest.raises(Conflict):
        compute.engine.schedule(other)
    assert names_of(client, spec) == [spec.name]


def test_a_container_of_an_earlier_job_of_the_name_is_replaced(compute: Harness, client: Any) -> None:
    earlier = compute.shell(ONCE, resources=THREE, request="old")
    create(compute, client, earlier, 1)
    spec = compute.shell(ONCE, name=earlier.name, resources=THREE, request="aa")
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert ran(compute, spec) == EACH_ONCE


def test_a_container_of_others_with_the_name_of_a_worker_is_a_conflict_that_leaves_nothing(
    compute: Harness, client: Any
) -> None:
    spec = compute.shell(ONCE, resources=THREE, request="aa")
    name = container_name(spec.name, 2)
    client.create_container(IMAGE, ["true"], name=name)
    try:
        with pytest.raises(Conflict, match=f"another container has the name {name}"):
            compute.engine.schedule(spec)
        with pytest.raises(Absent):
            compute.engine.info(spec.name)
        assert names_of(client, spec) == []
        assert client.inspect_container(name)["State"]["Status"] in ("created", "configured")
    finally:
        client.remove_container(name)


def test_a_worker_whose_container_somebody_removes_ends_the_others(compute: Harness, client: Any) -> None:
    spec = start_three(compute)
    client.remove_container(container_name(spec.name, 1), force=True)
    info = compute.wait(spec.name)
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.REMOVED_OUTSIDE, True)
    assert info.message.startswith("worker 2 of 3: ")
    assert not client.containers(filters={"label": f"{JOB_LABEL}={spec.name}"})
    assert compute.engine.info(spec.name) == info


def test_what_is_left_when_somebody_removes_the_first_container_is_removed(compute: Harness, client: Any) -> None:
    spec = start_three(compute)
    client.remove_container(spec.name, force=True)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)
    compute.engine.remove(spec.name, lambda request: request == "bb")
    assert len(names_of(client, spec)) == 2
    compute.engine.remove(spec.name, lambda request: request == "aa")
    assert names_of(client, spec) == []


def test_a_command_that_does_not_exist_is_the_reason_and_nothing_runs(compute: Harness, client: Any) -> None:
    spec = compute.spec(["no-such-program"], resources=THREE)
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.COMMAND_NOT_FOUND)
    assert not client.containers(filters={"label": f"{JOB_LABEL}={spec.name}"})
    again = make_harness(compute.name, compute.storebase.root)
    assert again.engine.info(spec.name).message == info.message
    again.close()


def test_a_paused_worker_can_be_cancelled(compute: Harness, client: Any) -> None:
    spec = start_three(compute)
    client.pause(container_name(spec.name, 1))
    assert compute.engine.info(spec.name).message == "worker 2 of 3: paused"
    compute.engine.cancel(spec.name)
    info = compute.engine.info(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, CANCELLED.message)


def test_the_logs_of_workers_have_headings(compute: Harness) -> None:
    spec = compute.shell('echo "this is $PFCON_WORKER"', resources=Resources(workers=2))
    compute.run(spec)
    assert compute.engine.logs(spec.name, 10) == "== worker 1 ==\nthis is 0\n== worker 2 ==\nthis is 1\n"


# ---- without an engine


def inspect(life: str, **state: Any) -> dict[str, Any]:
    found = INSPECTS[life]
    return {**found, "State": {**found["State"], **state}}


def look(first: dict[str, Any], *others: dict[str, Any] | None, age: timedelta = timedelta(0)) -> Any:
    created = time_of(first["Created"])
    assert created
    return Containers("j", first, others).look(created + age, SUCCESS, lambda _: SUCCESS)


def test_a_job_whose_service_was_killed_between_two_starts_ends_its_workers_later() -> None:
    first, other = inspect("created"), inspect("running")
    info, why = look(first, other, None)
    assert (info.status, bool(why)) == (JobStatus.STARTED, False)
    info, why = look(first, other, None, age=START_PATIENCE + timedelta(seconds=1))
    assert (info.status, why.reason, why.interrupted) == (JobStatus.STARTED, Reason.INTERRUPTED, True)


def test_a_container_that_is_missing_after_the_start_is_a_failure() -> None:
    info, why = look(inspect("running"), inspect("running"), None)
    assert (info.status, why.reason) == (JobStatus.STARTED, Reason.REMOVED_OUTSIDE)
    assert why.message.startswith("worker 3 of 3: ")


def test_the_text_of_a_job_changes_with_each_of_its_containers() -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    labels = {JOB_TYPE_LABEL: "plugin", REQUEST_LABEL: "r"}
    listed = [
        {"Id": f"id-{worker}", "Names": [f"/{container_name('j', worker)}"], "State": "running", "Labels": labels}
        for worker in range(3)
    ]
    texts = listing.active_jobs(listed, now)
    assert list(texts) == ["j"]
    assert listing.active_jobs(list(reversed(listed)), now) == texts
    assert listing.active_jobs(listed[:2], now)["j"] != texts["j"]
    assert listing.active_jobs([*listed[:2], {**listed[2], "State": "paused"}], now)["j"] != texts["j"]
    assert listing.requests(listed) == {"j": "r"}
