"""What the swarm engine does beyond the compute contract, on a real Swarm (see support.engines)."""

import dataclasses
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.compute import make_harness
from support.engines import IMAGE, api_client, docker_url, swarm_url
from support.settings import compute_settings, docker_at

from pfcon.compute.swarm.client import SwarmCalls
from pfcon.compute.swarm.engine import SwarmEngine
from pfcon.compute.swarm.spec import NAME_LABEL, service_name, service_spec
from pfcon.errors import Absent, Conflict, ImageMissing, Refused
from pfcon.models import JobSpec, JobStatus, Resources, User
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("swarm")


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness("swarm", storebase.root)
    yield harness
    harness.close()


@pytest.fixture
def client() -> Iterator[Any]:
    with api_client(swarm_url()) as client:
        yield client


def other_worker(compute: Harness, **options: Any) -> SwarmEngine:
    """An engine object that remembers nothing of the first one."""
    root = compute.storebase.root
    settings = compute_settings(storebase=PurePosixPath(root), own=docker_at(swarm_url()))
    return SwarmEngine(settings, settings.own, root, stop_grace=2, **options)


def containers(client: Any, name: str) -> list[Any]:
    found: list[Any] = client.containers(all=True, filters={"label": f"{NAME_LABEL}={name}"})
    return found


def create_only(compute: Harness, spec: JobSpec, **changes: Any) -> str:
    """A service that pfcon's own checks had no say in; its ID."""
    body = service_spec(spec, PurePosixPath(compute.storebase.root), stop_grace=1, gpu_kind="gpu")
    return SwarmCalls(docker_at(swarm_url())).create({**body, **changes})


def test_the_product_and_the_size_of_the_swarm_are_told(compute: Harness) -> None:
    line = compute.engine.check()
    assert line.startswith("Docker ")
    assert "manager of a Swarm of 1 node, at " + swarm_url() in line


def test_an_engine_that_is_no_manager_is_refused_with_the_remedy(storebase: StoreBase) -> None:
    url = docker_url()
    with api_client(url) as client:
        if client.info()["Swarm"]["LocalNodeState"] != "inactive":
            pytest.skip(f"the Docker engine at {url} is part of a Swarm itself")
    root = storebase.root
    engine = SwarmEngine(compute_settings(storebase=PurePosixPath(root)), docker_at(url), root)
    harness = Harness(engine, storebase, IMAGE)
    for ask in (engine.check, lambda: engine.schedule(harness.spec(["true"]))):
        with pytest.raises(Refused, match=r"is not a Swarm manager.*docker swarm init"):
            ask()


@pytest.mark.parametrize("name", ["{}" + "x" * 100, "Upper.Case-{}", "{}_"])
def test_a_name_that_swarm_does_not_take_works_all_the_same(compute: Harness, name: str) -> None:
    spec = compute.shell("echo named; exit 3")
    spec = dataclasses.replace(spec, name=name.format(spec.name))
    compute.names.append(spec.name)
    info = compute.run(spec)
    assert (info.name, info.message) == (spec.name, "the program failed with exit code 3")
    assert compute.engine.logs(spec.name, 10) == "named\n"
    with pytest.raises(Conflict, match=r"job .* exists"):
        compute.engine.schedule(spec)
    compute.engine.remove(spec.name)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_names_that_differ_in_case_are_two_jobs(compute: Harness) -> None:
    for name in ("pfcon-test-case", "Pfcon-Test-Case"):
        compute.run(compute.spec(["echo", name], name=name))
    for name in ("pfcon-test-case", "Pfcon-Test-Case"):
        assert compute.engine.logs(name, 10) == f"{name}\n"


def test_services_of_others_are_left_alone(compute: Harness, client: Any) -> None:
    spec = compute.shell("echo secret; sleep 600")
    service = create_only(compute, spec, Labels={"somebody": "else"})
    try:
        for name in (spec.name, service[:12]):
            for ask in (compute.engine.info, compute.engine.cancel, lambda name: compute.engine.logs(name, 10)):
                with pytest.raises(Absent):
                    ask(name)
            compute.engine.remove(name)
        with pytest.raises(Conflict, match="another service"):
            compute.engine.schedule(spec)
        assert client.inspect_service(service)["Spec"]["Name"] == service_name(spec.name)
    finally:
        client.remove_service(service)


def test_a_cancelled_job_is_known_as_such_to_other_workers(compute: Harness) -> None:
    spec = compute.shell("trap 'exit 0' TERM; echo begun; while :; do sleep 0.1; done")
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 10) == "begun\n")
    other_worker(compute).cancel(spec.name)
    info = other_worker(compute).info(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")


def schedule_waiting(compute: Harness) -> JobSpec:
    """A job for which there is no GPU left."""
    spec = compute.shell("exit 0", resources=Resources(gpus=1))
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.info(spec.name).reason == Reason.UNSCHEDULABLE)
    assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
    assert compute.engine.logs(spec.name, 10) == ""
    return spec


def test_gpus_are_given_out_and_a_job_waits_for_them_and_says_so(compute: Harness) -> None:
    both = compute.shell('echo "given: $DOCKER_RESOURCE_GPU"; sleep 600', resources=Resources(gpus=2))
    compute.engine.schedule(both)
    assert eventually(lambda: len(compute.engine.logs(both.name, 10)) > len("given: \n"))
    one, never = (schedule_waiting(compute) for _ in range(2))
    compute.engine.cancel(never.name)
    assert compute.engine.info(never.name).message == "cancelled"
    compute.engine.remove(both.name)
    info = compute.wait(one.name)
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert compute.engine.info(never.name).status is JobStatus.FAILED


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (Resources(cpu=10**9), "cpu_limit: no machine of this Swarm has 1e.06 cores; the largest has"),
        (Resources(memory=2**30), "memory_limit: no machine of this Swarm has 1024.0 TiB"),
        (Resources(gpus=3), "gpu_limit: no machine of this Swarm has 3 × gpu; the largest has 2 × gpu"),
    ],
)
def test_what_no_node_could_ever_run_is_refused_at_once(compute: Harness, resources: Resources, words: str) -> None:
    spec = compute.spec(["true"], resources=resources)
    with pytest.raises(Refused, match=words):
        compute.engine.schedule(spec)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_a_job_that_waits_for_what_the_nodes_no_longer_have_ends_after_a_grace(compute: Harness) -> None:
    spec = compute.shell("exit 0", resources=Resources(gpus=3))
    create_only(compute, spec)
    assert eventually(lambda: compute.engine.info(spec.name).reason == Reason.UNSCHEDULABLE)
    impatient = other_worker(compute, pending_grace=0)
    with pytest.raises(Absent):  # a job of somebody else's is not ended
        impatient.info(spec.name, f"not {spec.request}".__eq__)
    assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
    assert eventually(lambda: impatient.info(spec.name).status is JobStatus.FAILED)
    never = "gpu_limit: no machine of this Swarm has 3 × gpu; the largest has 2 × gpu"
    assert compute.engine.info(spec.name).message == f"no machine can ever run the job: {never}"


def test_out_of_memory_is_certain_on_the_managers_own_node(compute: Harness) -> None:
    eat = "kept = []\nfor _ in range(512): kept.append(b'x' * (1 << 20))"
    spec = compute.spec(["python3", "-c", eat], resources=Resources(memory=64))
    compute.run(spec)
    message = "out of memory: the job exceeded its limit of 64 MiB"
    # The container may tell of it a moment after the task has ended.
    assert eventually(lambda: compute.engine.info(spec.name).message == message)


def test_a_group_without_a_user_keeps_the_images_user(compute: Harness) -> None:
    spec = compute.spec(["id"], user=User(None, 4321))
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert "uid=0" in compute.engine.logs(spec.name, 10)
    assert "gid=4321" in compute.engine.logs(spec.name, 10)
    with pytest.raises(ImageMissing):
        compute.engine.schedule(compute.spec(["id"], image="127.0.0.1:1/none:1", user=User(None, 4321)))


def test_a_job_has_no_capabilities(compute: Harness) -> None:
    spec = compute.shell("grep -E 'Cap(Eff|Bnd|Prm)' /proc/self/status")
    compute.run(spec)
    assert compute.engine.logs(spec.name, 10).split()[1::2] == ["0" * 16] * 3


def test_a_missing_source_of_a_mount_is_refused(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    missing = dataclasses.replace(spec.mounts[0], source=PurePosixPath("key-x/none"))
    with pytest.raises(Refused, match="key-x/none"):
        compute.engine.schedule(dataclasses.replace(spec, mounts=(missing,)))
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_a_removed_job_leaves_no_container(compute: Harness, client: Any) -> None:
    spec = compute.shell("sleep 600")
    compute.engine.schedule(spec)
    assert eventually(lambda: bool(containers(client, spec.name)))
    compute.engine.remove(spec.name)
    assert containers(client, spec.name) == []


def test_a_job_whose_service_was_removed_behind_our_back_is_absent(compute: Harness, client: Any) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    client.remove_service(spec.name)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)
    compute.engine.remove(spec.name)


def test_a_swarm_without_storebase_is_told(storebase: StoreBase) -> None:
    engine = SwarmEngine(compute_settings(storebase=None), docker_at(swarm_url()), Path(storebase.root))
    with pytest.raises(Refused, match="STOREBASE"):
        engine.schedule(Harness(engine, storebase, IMAGE).spec(["true"]))


def test_storebase_may_be_a_local_volume_on_a_swarm_of_one_node(client: Any) -> None:
    name = f"pfcon-test-{uuid.uuid4().hex[:12]}"
    root = Path(client.create_volume(name)["Mountpoint"])
    settings = compute_settings(volume_type="docker_local_volume", volume_name=name, own=docker_at(swarm_url()))
    engine = SwarmEngine(settings, settings.own, root, stop_grace=2)
    harness = Harness(engine, StoreBase(root), IMAGE)
    try:
        assert "a Swarm of 1 node" in engine.check()
        spec = harness.shell('cat "$2" >"$1/out"', "/share/incoming/in")
        (harness.incoming(spec) / "in").write_text("staged")
        assert harness.run(spec).status is JobStatus.SUCCEEDED
        assert (harness.outgoing(spec) / "out").read_text() == "staged"
    finally:
        harness.close()
        client.remove_volume(name)
