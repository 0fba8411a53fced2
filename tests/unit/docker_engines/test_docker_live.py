"""What the docker engine does beyond the compute contract, on real engines (see support.engines)."""

import dataclasses
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.engines import IMAGE
from support.settings import compute_settings, docker_at

from pfcon.compute.docker.engine import DockerEngine
from pfcon.compute.docker.spec import create_body
from pfcon.compute.stopping import Stop
from pfcon.errors import Absent, Conflict, Refused
from pfcon.models import INCOMING, OUTGOING, JobSpec, JobStatus, Mount, Resources, User
from pfcon.testing.compute.harness import Harness


def other_worker(compute: Harness, url: str, selector: str = "unused", **settings: Any) -> DockerEngine:
    """An engine object that remembers nothing of the first one."""
    values = {"storebase": PurePosixPath(compute.storebase.root), **settings}
    own = dataclasses.replace(docker_at(url), selector=selector)
    return DockerEngine(compute_settings(**values), own, compute.storebase.root, stop_grace=2)


def create_only(compute: Harness, client: Any, spec: JobSpec, **changes: Any) -> str:
    """What a crash between create and start leaves."""
    body = {**create_body(spec, PurePosixPath(compute.storebase.root)), **changes}
    container: str = client.create_container_from_config(body, spec.name)["Id"]
    return container


def test_the_product_and_the_api_are_named(compute: Harness, url: str) -> None:
    line = compute.engine.check()
    assert line.startswith(compute.name.capitalize() + " ")
    assert "(API 1." in line
    assert line.endswith(url)


def test_a_job_that_was_created_but_never_started_is_started(compute: Harness, client: Any) -> None:
    spec = compute.shell("echo resumed", request="aa")
    create_only(compute, client, spec)
    with pytest.raises(Conflict):
        compute.engine.schedule(dataclasses.replace(spec, request="bb"))
    assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == "resumed\n"


def test_a_missing_command_is_remembered_for_other_workers(compute: Harness, url: str) -> None:
    spec = compute.spec(["no-such-program"])
    info = compute.run(spec)
    assert info.status is JobStatus.FAILED
    assert info.message.startswith("no such command in image ")
    assert info.message.endswith(f"{spec.image}: no-such-program")  # Podman puts its registry before the name
    assert info.finished_at is not None
    later = other_worker(compute, url).info(spec.name)
    assert (later.status, later.finished_at) == (info.status, info.finished_at)
    assert later.message.endswith(": no-such-program")
    with pytest.raises(Conflict):
        compute.engine.schedule(spec)


def test_a_cancelled_job_is_known_as_such_to_other_workers(compute: Harness, url: str) -> None:
    spec = compute.shell("trap 'exit 0' TERM; while :; do sleep 0.1; done")
    compute.engine.schedule(spec)
    time.sleep(0.5)
    other_worker(compute, url).cancel(spec.name)
    info = other_worker(compute, url).info(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")


def test_a_job_that_was_never_started_can_be_cancelled(compute: Harness, client: Any) -> None:
    spec = compute.shell("exit 0")
    create_only(compute, client, spec)
    compute.engine.cancel(spec.name)
    info = compute.engine.info(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    with pytest.raises(Conflict):
        compute.engine.schedule(spec)


def test_a_paused_job_can_be_cancelled_and_removed(compute: Harness, client: Any) -> None:
    spec = compute.shell("sleep 600")
    for end in (compute.engine.cancel, compute.engine.remove):
        compute.engine.schedule(spec)
        client.pause(spec.name)
        assert compute.engine.info(spec.name).message == "paused"
        end(spec.name)
        compute.engine.remove(spec.name)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_the_beginning_of_a_containers_id_is_no_job(compute: Harness, client: Any) -> None:
    spec = compute.shell("echo secret")
    compute.run(spec)
    prefix = client.inspect_container(spec.name)["Id"][:12]
    for ask in (compute.engine.info, compute.engine.cancel, lambda name: compute.engine.logs(name, 10)):
        with pytest.raises(Absent):
            ask(prefix)
    compute.engine.remove(prefix)
    assert compute.engine.info(spec.name).status is JobStatus.SUCCEEDED


def test_containers_of_others_are_left_alone(compute: Harness, client: Any) -> None:
    spec = compute.shell("echo secret; sleep 600")
    container = create_only(compute, client, spec, Labels={"somebody": "else"})
    try:
        client.start(container)
        for ask in (compute.engine.info, compute.engine.cancel, lambda name: compute.engine.logs(name, 10)):
            with pytest.raises(Absent):
                ask(spec.name)
        compute.engine.remove(spec.name)
        with pytest.raises(Conflict, match="another container"):
            compute.engine.schedule(spec)
        assert client.inspect_container(container)["State"]["Running"]
    finally:
        client.remove_container(container, force=True)


def test_the_log_is_that_of_the_present_job_of_a_name(compute: Harness, url: str) -> None:
    spec = compute.shell("echo first")
    compute.run(spec)
    assert compute.engine.logs(spec.name, 10) == "first\n"
    other = other_worker(compute, url)
    other.remove(spec.name)
    other.schedule(dataclasses.replace(spec, argv=("echo", "second")))
    compute.wait(spec.name)
    assert compute.engine.logs(spec.name, 10) == "second\n"
    other.remove(spec.name)
    with pytest.raises(Absent):
        compute.engine.logs(spec.name, 10)


def test_a_name_of_one_character_works(compute: Harness) -> None:
    spec = compute.shell("echo short", name="7")
    assert compute.run(spec).name == "7"
    assert compute.engine.logs("7", 10) == "short\n"
    compute.engine.cancel("7")
    compute.engine.remove("7")
    with pytest.raises(Absent):
        compute.engine.info("7")


def test_a_missing_source_of_a_mount_is_refused_and_not_made(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    missing = Mount(PurePosixPath("key-x/none"), INCOMING, read_only=True)
    with pytest.raises(Refused, match="key-x/none"):
        compute.engine.schedule(dataclasses.replace(spec, mounts=(missing,)))
    assert not (compute.storebase.root / "key-x").exists()
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_gpus_that_the_engine_does_not_have_are_refused_and_nothing_is_left(compute: Harness) -> None:
    spec = compute.spec(["true"], resources=Resources(gpus=1))
    with pytest.raises(Refused, match=r"(?i)gpu"):
        compute.engine.schedule(spec)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_a_malformed_image_is_refused_at_once(compute: Harness) -> None:
    with pytest.raises(Refused, match="image"):
        compute.engine.schedule(compute.spec(["true"], image="Bad Image"))


def test_a_group_without_a_user_keeps_the_images_user(compute: Harness) -> None:
    spec = compute.spec(["id"], user=User(None, 4321))
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert "uid=0" in compute.engine.logs(spec.name, 10)
    assert "gid=4321" in compute.engine.logs(spec.name, 10)


def test_a_job_has_no_capabilities_and_gains_no_privileges(compute: Harness) -> None:
    spec = compute.shell("grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    compute.run(spec)
    assert compute.engine.logs(spec.name, 10).split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]


def test_an_image_that_is_there_meanwhile_is_no_error(compute: Harness, client: Any) -> None:
    name = "localhost:1/pfcon-test/loaded"  # nobody to pull from
    client.tag(IMAGE, name, "1")
    try:
        compute.engine.prepare(compute.spec(["true"], image=f"{name}:1"), lambda text: None, Stop())
        assert compute.run(compute.spec(["true"], image=f"{name}:1")).status is JobStatus.SUCCEEDED
    finally:
        client.remove_image(f"{name}:1", force=compute.name == "podman", noprune=True)


@pytest.fixture
def volume(client: Any) -> Iterator[str]:
    name = f"pfcon-test-{uuid.uuid4().hex[:12]}"
    client.create_volume(name)
    yield name
    client.remove_volume(name, force=True)


@pytest.mark.parametrize("by", ["VOLUME_NAME", "PFCON_SELECTOR"])
def test_storebase_may_be_a_local_volume(compute: Harness, client: Any, url: str, volume: str, by: str) -> None:
    label = f"org.chrisproject.test={volume}"
    spec = compute.spec(["cp", str(INCOMING / "in"), str(OUTGOING / "out")])
    compute.incoming(spec).joinpath("in").write_text("through the volume")
    root = client.inspect_volume(volume)["Mountpoint"]
    if by == "VOLUME_NAME":
        found = {"volume_name": volume}
    else:
        found = {"selector": label}
        # The pfcon container: it has the volume where this process has its storeBase.
        mount = {"Type": "volume", "Source": volume, "Target": str(compute.storebase.root)}
        pfcon = compute.spec(["sleep", "60"], mounts=())
        create_only(
            compute,
            client,
            pfcon,
            HostConfig={"NetworkMode": "default", "Mounts": [mount]},
            Labels={"org.chrisproject.test": volume, "org.chrisproject.job_type": "plugin"},
        )
        client.start(pfcon.name)
    engine = other_worker(compute, url, volume_type="docker_local_volume", storebase=None, **found)
    engine._mark.source()  # the volume is a copy of storeBase here, and has to hold what the engine leaves there
    shutil.copytree(compute.storebase.root, root, dirs_exist_ok=True)
    try:
        engine.schedule(spec)
        assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
        assert Path(root, f"key-{spec.jid}/outgoing/out").read_text() == "through the volume"
    finally:
        for name in compute.names:
            compute.engine.remove(name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"volume_name": "pfcon-test-absent"}, "VOLUME_NAME.*pfcon-test-absent"),
        (
            {"selector": "org.chrisproject.test=absent"},
            "org.chrisproject.test=absent.*VOLUME_NAME.*PFCON_SELECTOR",
        ),
    ],
)
def test_a_storebase_that_cannot_be_found_is_told_with_its_settings(
    compute: Harness, url: str, settings: dict[str, str], words: str
) -> None:
    engine = other_worker(compute, url, volume_type="docker_local_volume", storebase=None, **settings)
    with pytest.raises(Refused, match=words):
        engine.schedule(compute.spec(["true"]))


def test_a_forked_process_makes_connections_of_its_own(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    first = compute.engine.info(spec.name)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        answers = [compute.engine.info(spec.name) == first for _ in range(20)]
        os.write(writer, json.dumps(answers).encode())
        os._exit(0)
    assert [compute.engine.info(spec.name) == first for _ in range(20)] == [True] * 20
    os.waitpid(child, 0)
    assert json.loads(os.read(reader, 4096)) == [True] * 20
    os.close(reader)
    os.close(writer)
