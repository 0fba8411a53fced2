"""What a job becomes as a create request of a Docker API."""

import dataclasses
import json
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.docker.spec import (
    container_name,
    create_body,
    job_name,
    lacks_gpus,
    require_possible,
)
from pfcon.compute.docker_api.job import needs_image_user
from pfcon.errors import Refused
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources, User

DATA = Path(__file__).parents[1] / "data" / "docker"
ROOT = PurePosixPath("/srv/storebase")
SMALL = JobSpec("chris-jid-1", JobId("chris-jid-1"), JobKind.COPY, "fnndsc/pl-x", ("true",))
FULL = JobSpec(
    name="chris-jid-42",
    jid=JobId("chris-jid-42"),
    kind=JobKind.PLUGIN,
    image="registry.example.org:5000/fnndsc/pl-x:1.0",
    argv=("python3", "/usr/local/bin/x", "--a b", "", "/share/incoming", "/share/outgoing"),
    env=(("A", "b=c"), ("EMPTY", ""), ("HOME", "/tmp")),
    mounts=(
        Mount(PurePosixPath("key-chris-jid-42/incoming"), INCOMING, read_only=True),
        Mount(PurePosixPath("home/user/out"), OUTGOING, read_only=False),
    ),
    resources=Resources(cpu=1500, memory=1025, gpus=2, shm=64, pids=4096, time_limit=60),
    user=User(1001, 2002),
    labels=(("site", "a"), ("org.chrisproject.pfcon.request", "not to be set by a site")),
    request="5eed",
)


@pytest.mark.parametrize(("name", "spec"), [("create-small", SMALL), ("create-full", FULL)])
def test_the_create_request_is_that_of_the_golden_file(name: str, spec: JobSpec) -> None:
    assert create_body(spec, ROOT) == json.loads((DATA / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("user", "image_user", "expected"),
    [
        (None, "77", ""),
        (User(None, None), "77", ""),
        (User(1001, None), "77", "1001"),
        (User(0, 0), "77", "0:0"),
        (User(None, 2002), "", "0:2002"),
        (User(None, 2002), "someone", "someone:2002"),
        (User(None, 2002), "77:88", "77:2002"),
    ],
)
def test_a_part_of_the_user_that_is_not_set_stays_as_the_image_has_it(
    user: User | None, image_user: str, expected: str
) -> None:
    assert create_body(dataclasses.replace(SMALL, user=user), ROOT, image_user)["User"] == expected
    assert needs_image_user(user) == (user is not None and user.uid is None and user.gid is not None)


def test_a_name_of_one_character_gets_a_prefix_that_no_other_job_can_have() -> None:
    assert container_name("ab") == "ab"
    assert container_name("a") == "pfcon..a"
    with pytest.raises(Refused):
        JobId.parse(container_name("a"))


@pytest.mark.parametrize(
    "image",
    [
        "busybox",
        "fnndsc/pl-x:1.0",
        "localhost:1/none:1",
        "ghcr.io/Fnndsc.org/a__b/c---d:V1_x".replace("Fnndsc", "fnndsc"),
        "[::1]:5000/x",
        "x@sha256:" + "a" * 64,
        "host.example.org/x:1@sha256:" + "a" * 64,
    ],
)
def test_valid_names_of_images_are_accepted(image: str) -> None:
    require_possible(dataclasses.replace(SMALL, image=image))


@pytest.mark.parametrize("image", ["", "Bad Image", "local/BAD", "x:", "x:a:b", "/x", "x/", "-x", "x\n", "x@sha256:1"])
def test_malformed_names_of_images_are_refused(image: str) -> None:
    with pytest.raises(Refused, match="image"):
        require_possible(dataclasses.replace(SMALL, image=image))


def test_a_job_without_a_worker_is_refused() -> None:
    with pytest.raises(Refused, match="number_of_workers"):
        require_possible(dataclasses.replace(SMALL, resources=Resources(workers=0)))


def test_the_containers_of_several_workers_have_numbers_that_no_job_can_have_in_its_name() -> None:
    assert [container_name("ab", worker) for worker in range(3)] == ["ab", "ab..worker-1", "ab..worker-2"]
    for name in ("ab", "a", "x..worker-1"):
        assert [job_name(container_name(name, worker)) for worker in (1, 12)] == [name, name]
    with pytest.raises(Refused):
        JobId.parse(container_name("ab", 1))


def test_only_several_workers_have_more_labels_and_each_has_its_number() -> None:
    three = dataclasses.replace(SMALL, resources=Resources(workers=3))
    assert create_body(SMALL, ROOT)["Labels"].keys() < create_body(three, ROOT)["Labels"].keys()
    bodies = [create_body(three, ROOT, worker=worker) for worker in range(3)]
    assert [body.pop("Env")[0] for body in bodies] == ["PFCON_WORKER=0", "PFCON_WORKER=1", "PFCON_WORKER=2"]
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize("argv", [(), ("",)])
def test_an_empty_command_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="command"):
        require_possible(dataclasses.replace(SMALL, argv=argv))


def test_podman_is_found_out_when_it_drops_a_request_for_gpus() -> None:
    docker, podman = (
        json.loads((DATA / f"{name}-inspects.json").read_text())["created with GPUs"] for name in ("docker", "podman")
    )
    assert not lacks_gpus(docker)
    assert lacks_gpus(podman)
