"""What a job becomes as a WDL document, and what is sent with it."""

import dataclasses
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import WDL
from fakes.cromwell_backend import mounts_of
from fakes.cromwell_task import read_task

from pfcon.compute.cromwell import spec as wdl
from pfcon.errors import Refused
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources, Secret, User

DATA = Path(__file__).parents[1] / "data" / "cromwell"
ROOT = PurePosixPath("/srv/storebase")
MOUNTS = (
    Mount(PurePosixPath("key-chris-jid-42/incoming"), INCOMING, read_only=True),
    Mount(PurePosixPath("home/bob/final, ${really}"), OUTGOING, read_only=False),
)
SMALL = JobSpec("chris-jid-1", JobId("chris-jid-1"), JobKind.COPY, "fnndsc/pl-x", ("true",))
FULL = JobSpec(
    name="chris-jid-42",
    jid=JobId("chris-jid-42"),
    kind=JobKind.PLUGIN,
    image="registry.example.org:5000/fnndsc/pl-x:1.0",
    argv=(
        "python3",
        "/usr/local/bin/x",
        "--a b",
        "it's",
        "~{no} >>>",
        "Größe\n",
        "",
        "/share/incoming",
        "/share/outgoing",
    ),
    env=(("A", "b=c"), ("EMPTY", ""), ("PATH", "/opt/my tools:/bin"), ("HOME", "/tmp")),
    mounts=MOUNTS,
    resources=Resources(cpu=1500, memory=1025, pids=4096),
    request="5eed" * 16,
)


@pytest.mark.parametrize(("name", "spec"), [("small", SMALL), ("full", FULL)])
def test_the_document_is_that_of_the_golden_file(name: str, spec: JobSpec) -> None:
    assert wdl.document(spec, ROOT, 90) == (DATA / f"{name}.wdl").read_text()


@pytest.mark.parametrize("name", ["small", "full"])
def test_a_real_parser_finds_no_fault_in_the_golden_files(name: str) -> None:
    document = WDL.parse_document((DATA / f"{name}.wdl").read_text())
    document.typecheck()
    assert document.wdl_version == "1.0"
    assert [task.name for task in document.tasks] == [wdl.TASK]


def test_runtime_attributes_are_those_of_the_convention() -> None:
    runtime = read_task(wdl.document(FULL, ROOT, 90)).runtime
    options = runtime.pop("pfcon_mounts")
    assert mounts_of(options) == [
        *("/srv/storebase/key-chris-jid-42/incoming", "/share/incoming", "ro"),
        *("/srv/storebase/home/bob/final, ${really}", "/share/outgoing", "rw"),
    ]
    assert runtime == {
        "docker": FULL.image,
        "cpu": 2,
        "memory": "1025 MiB",
        "pfcon_minutes": 90,
        "maxRetries": 0,
        "failOnStderr": False,
        "continueOnReturnCode": 0,
    }


def test_without_limits_cromwell_is_told_of_none() -> None:
    assert not {"cpu", "memory"} & set(read_task(wdl.document(SMALL, ROOT, 90)).runtime)


def test_options_of_jobs_are_runtime_attributes_and_labels() -> None:
    spec = dataclasses.replace(
        SMALL, resources=Resources(gpus=2, shm=64), user=User(1000, 2000), labels=(("site", "A b"), ("e", ""))
    )
    wdl.require_possible(spec)
    runtime = read_task(wdl.document(spec, ROOT, 90)).runtime
    assert (runtime["gpuCount"], runtime["pfcon_shm"], runtime["pfcon_user"]) == (2, 64, "1000:2000")
    labels = wdl.labels(spec, ROOT, "token")
    assert (labels["site"], labels["e"], labels[wdl.NAME_LABEL]) == ("A b", "", "chris-jid-1")


def test_secrets_of_a_job_are_mounted_read_only() -> None:
    spec = dataclasses.replace(SMALL, secrets=(Secret("swift", PurePosixPath("/run/secrets/pfcon")),))
    source, target, mode = mounts_of(str(read_task(wdl.document(spec, ROOT, 90)).runtime["pfcon_mounts"]))
    assert source.startswith("/srv/storebase/.pfcon/")
    assert (target, mode) == ("/run/secrets/pfcon", "ro")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"resources": Resources(workers=2)}, "number_of_workers"),
        ({"user": User(None, 1000)}, "CONTAINER_USER"),
        ({"labels": (("pfcon-job", "b"),)}, "JOB_LABELS: pfcon-job"),
        ({"labels": (("cromwell-workflow-id", "b"),)}, "JOB_LABELS: cromwell-workflow-id"),
        ({"labels": (("a", "b" * 256),)}, "JOB_LABELS: .* 255"),
        ({"argv": ()}, "command is empty"),
        ({"argv": ("",)}, "command is empty"),
        ({"argv": ("a=b",), "env": (("A", "b"),)}, "contains a '='"),
        ({"env": (("", "b"),)}, "name of a variable"),
        ({"image": "busybox; rm -rf /"}, "not a valid image name"),
        ({"image": "$(id)"}, "not a valid image name"),
        ({"image": ""}, "not a valid image name"),
    ],
)
def test_what_cromwell_can_not_do_is_refused_by_name(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        wdl.require_possible(dataclasses.replace(SMALL, **fields))


def test_a_directory_whose_name_has_two_lines_is_refused() -> None:
    mount = Mount(PurePosixPath("home/bob/a\nb"), INCOMING, read_only=True)
    with pytest.raises(Refused, match="control character"):
        wdl.document(dataclasses.replace(SMALL, mounts=(mount,)), ROOT, 90)


def test_labels_keep_to_cromwells_length_and_tell_job_store_claim_and_request() -> None:
    name = "X" * 128 + "-upload"
    spec = dataclasses.replace(FULL, name=name)
    labels = wdl.labels(spec, ROOT, "token")
    assert labels[wdl.NAME_LABEL] == name
    assert labels[wdl.CLAIM_LABEL] == "token"
    assert labels[wdl.REQUEST_LABEL] == spec.request
    assert all(0 < len(text) <= 255 for pair in labels.items() for text in pair)


def test_two_storebases_have_different_labels() -> None:
    assert wdl.store_id(ROOT) != wdl.store_id(PurePosixPath("/srv/other"))


def test_no_value_of_the_environment_is_in_a_label() -> None:
    spec = dataclasses.replace(FULL, env=(("TOKEN", "not-for-labels"),))
    assert "not-for-labels" not in str(wdl.labels(spec, ROOT, "token"))


def test_cromwell_is_told_to_run_each_job_anew() -> None:
    assert wdl.OPTIONS == {"backend": "pfcon", "read_from_cache": False, "write_to_cache": False}
