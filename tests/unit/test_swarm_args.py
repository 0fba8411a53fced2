"""What a job becomes as a Swarm service."""

import dataclasses
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pfcon.compute.swarm.spec import END_LABEL, NOWHERE, ended_spec, require_possible, service_name, service_spec
from pfcon.errors import Refused
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources, User

DATA = Path(__file__).parents[1] / "data" / "swarm"
ROOT = PurePosixPath("/srv/storebase")
SMALL = JobSpec("chris-jid-1", JobId("chris-jid-1"), JobKind.COPY, "fnndsc/pl-x", ("true",))
FULL = JobSpec(
    name="Chris.jid-42",
    jid=JobId("Chris.jid-42"),
    kind=JobKind.PLUGIN,
    image="registry.example.org:5000/fnndsc/pl-x:1.0",
    argv=("python3", "/usr/local/bin/x", "--a b", "", "{{.ID}}", "/share/incoming", "/share/outgoing"),
    env=(("A", "b=c"), ("EMPTY", ""), ("TEMPLATE", "{{.Service.Name}} {{{ }}")),
    mounts=(
        Mount(PurePosixPath("key-Chris.jid-42/incoming"), INCOMING, read_only=True),
        Mount(PurePosixPath("home/{{user}}/out"), OUTGOING, read_only=False),
    ),
    resources=Resources(cpu=1500, memory=1025, gpus=2, workers=4, shm=64, pids=4096, time_limit=60),
    user=User(1001, 2002),
    labels=(("site", "a"), ("org.chrisproject.pfcon.request", "not to be set by a site")),
    request="5eed",
)


def made(spec: JobSpec) -> dict[str, Any]:
    return service_spec(spec, ROOT, stop_grace=10, gpu_kind="NVIDIA-GPU" if spec.resources.gpus else "")


@pytest.mark.parametrize(("name", "spec"), [("create-small", SMALL), ("create-full", FULL)])
def test_the_service_is_that_of_the_golden_file(name: str, spec: JobSpec) -> None:
    assert made(spec) == json.loads((DATA / f"{name}.json").read_text())


def test_a_group_without_a_user_keeps_the_images_user() -> None:
    spec = dataclasses.replace(SMALL, user=User(None, 2002))
    container = service_spec(spec, ROOT, stop_grace=10, image_user="77:88")["TaskTemplate"]["ContainerSpec"]
    assert container["User"] == "77:2002"


def test_an_ended_service_differs_in_its_place_and_in_the_label_that_says_why() -> None:
    before = made(FULL)
    ended = ended_spec(before, "cancelled")
    assert before == made(FULL)
    assert ended["Labels"].pop(END_LABEL) == "cancelled"
    assert ended["TaskTemplate"].pop("Placement") == {"Constraints": [NOWHERE]}
    assert ended == before


@pytest.mark.parametrize("name", ["a", "chris-jid-42", "a_b", "7", "x" * 63])
def test_a_name_that_swarm_takes_stays(name: str) -> None:
    assert service_name(name) == name


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("Chris-jid-42", "chris-jid-42-"),
        ("a.b", "a-b-"),
        ("a-", "a-"),
        ("a_", "a-"),
        ("x" * 64, "x" * 46 + "-"),
        ("x" * 128 + "-delete", "x" * 46 + "-"),
        ("x" * 45 + "._-" + "y" * 40, "x" * 45 + "-"),
    ],
)
def test_any_other_name_keeps_its_beginning_and_gets_a_digest(name: str, begin: str) -> None:
    found = service_name(name)
    assert found.startswith(begin)
    assert len(found) == len(begin) + 16
    assert len(found) <= 63
    assert service_name(found) != found  # or a job of that name would share the service


def test_names_that_differ_in_case_or_in_their_ends_stay_different() -> None:
    names = ["job-1", "Job-1", "JOB-1", "job.1", "job_1", "x" * 100 + "1", "x" * 100 + "2"]
    assert len({service_name(name).lower() for name in names}) == len(names)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"argv": ()}, "command"),
        ({"image": "Bad Image"}, "image"),
        ({"resources": Resources(workers=0)}, "number_of_workers"),
    ],
)
def test_what_no_swarm_can_run_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(Refused, match=word):
        require_possible(dataclasses.replace(SMALL, **changes))


def test_the_labels_of_nodes_are_constraints() -> None:
    selector = (("disk", "ssd"), ("site.zone", "a"))
    service = service_spec(SMALL, ROOT, stop_grace=10, node_selector=selector)
    assert service["TaskTemplate"]["Placement"] == {
        "Constraints": ["node.labels.disk==ssd", "node.labels.site.zone==a"]
    }
    assert "Placement" not in service_spec(SMALL, ROOT, stop_grace=10)["TaskTemplate"]
