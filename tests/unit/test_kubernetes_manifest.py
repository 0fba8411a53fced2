"""Manifests as they are sent, and what Kubernetes' own schemas say of them."""

import dataclasses
import json
from pathlib import Path, PurePosixPath
from typing import Any

import kubernetes_validate
import pytest
from support.settings import compute_settings

from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.spec import MARK_MOUNT, argv_of, job_manifest, memory_limit, require_possible
from pfcon.compute.kubernetes.volume import storebase_volume
from pfcon.errors import Refused
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources, Secret, User

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
VERSIONS = ["1.29", "1.34", "1.37"]
KEY = PurePosixPath("key-chris-jid-42")
PLAIN = KubernetesSettings(namespace="default", node_selector=(), image_pull_secrets=())

CLAIM = storebase_volume(compute_settings(volume_type="kubernetes_pvc", volume_name="storebase"))
SMALL = JobSpec(
    name="chris-jid-42",
    jid=JobId("chris-jid-42"),
    kind=JobKind.PLUGIN,
    image="fnndsc/pl-simpledsapp",
    argv=("simpledsapp",),
    mounts=(Mount(KEY / "outgoing", OUTGOING, read_only=False),),
    request="5eed",
)
FULL = JobSpec(
    name="chris-jid-42",
    jid=JobId("chris-jid-42"),
    kind=JobKind.PLUGIN,
    image="registry.example.org/fnndsc/pl-simpledsapp:2.1.0",
    argv=("simpledsapp", "--prefix", "$(HOME) costs 5$", "/share/incoming", "/share/outgoing"),
    env=(("TOKEN", "a$$b"), ("HOME", "/"), ("HOME", "/tmp")),
    mounts=(Mount(KEY / "incoming", INCOMING, read_only=True), Mount(KEY / "outgoing", OUTGOING, read_only=False)),
    resources=Resources(cpu=1500, memory=512, gpus=2, workers=3, shm=64, pids=4096, time_limit=60),
    user=User(1000, 1001),
    labels=(("site", "boston"),),
    request="5eed",
)
FULL_OPTIONS = KubernetesSettings("chris", (("disk", "ssd"), ("zone", "a")), ("registry", "other"))
COPY = JobSpec(
    name="chris-jid-42-copy",
    jid=JobId("chris-jid-42"),
    kind=JobKind.COPY,
    image="pfcon-operations",
    argv=("python3", "-m", "pfcon.operations", "copy", "/share/storebase/key-chris-jid-42"),
    mounts=(
        Mount(PurePosixPath(), PurePosixPath("/share/storebase"), read_only=True),
        Mount(KEY, PurePosixPath("/share/storebase") / KEY, read_only=False),
    ),
    resources=Resources(cpu=1000, memory=300, pids=4096),
    user=User(1001, 0),
    request="5eed",
    secrets=(Secret("s3", PurePosixPath("/run/secrets/pfcon")),),
)
CASES = {"small": (SMALL, PLAIN), "full": (FULL, FULL_OPTIONS), "copy": (COPY, PLAIN)}


def manifest(name: str) -> dict[str, Any]:
    spec, options = CASES[name]
    return job_manifest(spec, CLAIM, options, 10)


@pytest.mark.parametrize("name", CASES)
def test_a_manifest_is_the_golden_one(name: str) -> None:
    assert manifest(name) == json.loads((DATA / f"job-{name}.json").read_text())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    kubernetes_validate.validate(manifest(name), version, strict=True)


def test_the_schemas_would_tell_of_a_field_that_there_is_not() -> None:
    wrong = manifest("small")
    wrong["spec"]["backofLimit"] = 0
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_the_command_and_the_limit_can_be_read_back() -> None:
    assert argv_of(manifest("full")) == FULL.argv
    assert memory_limit(manifest("full")) == 512 * 1024 * 1024
    assert memory_limit(manifest("small")) == 0


@pytest.mark.parametrize("name", ["Upper", "under_score", "a.b", "x" * 64, "-a", "a-"])
def test_a_name_that_kubernetes_cannot_take_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(Refused, match="at most 63 lower-case letters, digits and '-'") as refused:
        require_possible(dataclasses.replace(SMALL, name=name), PLAIN)
    assert repr(name) in str(refused.value)


def test_the_names_of_several_workers_need_room_for_their_numbers() -> None:
    many = dataclasses.replace(SMALL, name="x" * 60, resources=Resources(workers=100))
    require_possible(many, PLAIN)
    with pytest.raises(Refused, match="at most 60"):
        require_possible(dataclasses.replace(many, name="x" * 61), PLAIN)


def test_a_longest_name_of_one_worker_is_taken() -> None:
    require_possible(dataclasses.replace(SMALL, name="x" * 63), PLAIN)


@pytest.mark.parametrize(("fields", "told"), [({"argv": ()}, "empty"), ({"resources": Resources(workers=0)}, "worker")])
def test_a_job_that_is_none_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=told):
        require_possible(dataclasses.replace(SMALL, **fields), PLAIN)


def test_a_time_limit_above_the_deadline_is_refused() -> None:
    limited = dataclasses.replace(SMALL, resources=Resources(time_limit=60))
    require_possible(limited, dataclasses.replace(PLAIN, deadline=61))
    with pytest.raises(Refused, match=r"time_limit: 60 minutes must be less than the 60 .*KUBERNETES_DEADLINE_MINUTES"):
        require_possible(limited, dataclasses.replace(PLAIN, deadline=60))


def test_a_deadline_ends_a_job_and_a_time_limit_its_pods() -> None:
    options = dataclasses.replace(PLAIN, deadline=120)
    limited = dataclasses.replace(SMALL, resources=Resources(time_limit=60))
    for spec, limit in ((SMALL, None), (limited, 3600)):
        made = job_manifest(spec, CLAIM, options, 10)["spec"]
        assert made["activeDeadlineSeconds"] == 7200
        assert made["template"]["spec"].get("activeDeadlineSeconds") == limit


def test_a_mark_of_storebase_is_mounted_so_that_no_other_directory_does() -> None:
    made = job_manifest(SMALL, CLAIM, PLAIN, 10, PurePosixPath(".pfcon-storebase/5f"))
    kubernetes_validate.validate(made, VERSIONS[0], strict=True)
    pod = made["spec"]["template"]["spec"]
    marks = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"].startswith("/.pfcon")]
    assert marks == [
        {"name": "storebase", "mountPath": "/.pfcon", "readOnly": True, "subPath": ".pfcon-storebase/5f"},
        {"name": "mark", "mountPath": MARK_MOUNT},
    ]
    assert [volume["name"] for volume in pod["volumes"]] == ["storebase", "mark"]


def test_no_worker_gets_a_second_pod() -> None:
    """A policy for failed pods implies podReplacementPolicy: Failed, which the schemas before 1.28 do not know."""
    spec = manifest("full")["spec"]
    assert (spec["backoffLimit"], [rule["action"] for rule in spec["podFailurePolicy"]["rules"]]) == (0, ["FailJob"])


def test_storebase_may_be_a_directory_of_the_nodes() -> None:
    volume = storebase_volume(compute_settings(volume_type="host", storebase=PurePosixPath("/srv/store")))
    made = job_manifest(SMALL, volume, PLAIN, 10)
    kubernetes_validate.validate(made, VERSIONS[0], strict=True)
    volumes = made["spec"]["template"]["spec"]["volumes"]
    assert volumes == [{"name": "storebase", "hostPath": {"path": "/srv/store"}}]


@pytest.mark.parametrize(("kind", "needed"), [("host", "STOREBASE"), ("kubernetes_pvc", "VOLUME_NAME")])
def test_a_volume_without_its_setting_is_refused(kind: str, needed: str) -> None:
    with pytest.raises(Refused, match=f"{needed} is not set"):
        storebase_volume(compute_settings(volume_type=kind, storebase=None, volume_name=None))


def test_gpus_have_the_name_that_the_site_gives_them() -> None:
    options = dataclasses.replace(PLAIN, gpu_resource="amd.com/gpu")
    spec = dataclasses.replace(SMALL, resources=Resources(gpus=2))
    made = job_manifest(spec, CLAIM, options, 10)["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert made == {"limits": {"amd.com/gpu": "2"}, "requests": {"amd.com/gpu": "2"}}
