"""The id of a service: made of what is kept, the same for all its processes, and shown by every engine."""

from pathlib import PurePosixPath

import pytest

from pfcon.compute.base import require_mine
from pfcon.compute.cromwell import spec as wdl
from pfcon.compute.docker_api import job as docker_api
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.spec import SERVICE_LABEL, job_manifest
from pfcon.compute.signing import KEY_NAME, Signer, is_service_id
from pfcon.compute.slurm import parsing
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.spec import sbatch_words
from pfcon.compute.swarm import spec as swarm
from pfcon.errors import Foreign
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.paths import StoreBase

ID = "0123456789ab"
ROOT = PurePosixPath("/share")


def spec(service: str = ID) -> JobSpec:
    return JobSpec("j1", JobId("j1"), JobKind.PLUGIN, "image", ("true",), request="d.c.s", service=service)


def test_it_is_the_same_for_all_processes_of_a_storebase_and_another_for_each(storebase: StoreBase) -> None:
    made = Signer(storebase).service_id()
    assert is_service_id(made)
    assert Signer(StoreBase(storebase.root)).service_id() == made
    (storebase.private / KEY_NAME).write_bytes(b"x" * 32)
    assert Signer(storebase).service_id() != made


def test_it_does_not_come_of_any_job_s_signature(storebase: StoreBase) -> None:
    signer = Signer(storebase)
    assert not signer.has_signed("service", f"service.{signer.service_id()}")
    assert not signer.sign("service", "").endswith(signer.service_id())


def test_a_record_keeps_it_and_earlier_ones_have_none() -> None:
    assert JobSpec.from_json(spec().to_json()) == spec()
    earlier = spec().to_json().replace(f', "service": "{ID}"', "")
    assert JobSpec.from_json(earlier) == spec(service="")


def test_containers_services_and_jobs_are_labelled_with_it() -> None:
    labels = docker_api.labels(spec())
    assert labels[docker_api.SERVICE_LABEL] == ID
    assert swarm.service_spec(spec(), ROOT, stop_grace=1)["Labels"].items() >= labels.items()
    manifest = job_manifest(spec(), {"hostPath": {"path": "/srv"}}, KubernetesSettings(), 1)
    assert manifest["metadata"]["labels"][SERVICE_LABEL] == ID
    assert manifest["spec"]["template"]["metadata"]["labels"][SERVICE_LABEL] == ID
    assert wdl.labels(spec(), ROOT, "token")[wdl.SERVICE_LABEL] == ID


@pytest.mark.parametrize("service", ["", ID])
def test_slurm_s_comment_has_it_behind_the_marker(service: str) -> None:
    job = NodeJob.of(spec(), "marker", Image(ROOT, (), "/"), directory=ROOT, root=ROOT, user=(0, 0))
    words = sbatch_words(spec(service), job, SlurmSettings())
    comment = next(word.partition("=")[2] for word in words if word.startswith("--comment="))
    assert comment.split() == ["pfcon", "marker", *([service] if service else []), "org.chrisproject.job_type=plugin"]
    row = next(parsing.queue_rows(f"7|RUNNING|0|None|N/A|{comment}|"))
    assert row.marker == "marker"


@pytest.mark.parametrize("shown", ["", "x" * 12, f"{ID}\n", ID * 2, ID.upper(), None, 7, [ID]])
def test_what_can_not_be_an_id_is_not_repeated(shown: object) -> None:
    with pytest.raises(Foreign) as foreign:
        require_mine("j1", "theirs", "ours".__eq__, service=shown)
    assert foreign.value.service == ""
