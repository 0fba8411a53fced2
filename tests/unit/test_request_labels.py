"""The id of the HTTP request that has made a job: administrators see it on every engine, and in pfcon's log."""

from dataclasses import replace
from pathlib import PurePosixPath

from pfcon.compute.cromwell import spec as wdl
from pfcon.compute.docker_api import job as docker_api
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.spec import submit_description
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.spec import REQUEST_ID_LABEL, job_manifest
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.spec import sbatch_words
from pfcon.models import DataPaths, JobId, JobKind, JobSpec

ID = "feed-7.run_1"
ROOT = PurePosixPath("/share")
SPEC = JobSpec("j1", JobId("j1"), JobKind.PLUGIN, "image", ("true",), request="d.c.s", request_id=ID)


def comment(spec: JobSpec) -> str:
    """The comment of a Slurm job."""
    job = NodeJob.of(spec, "marker", Image(ROOT, (), "/"), directory=ROOT, root=ROOT, user=(0, 0))
    return next(word for word in sbatch_words(spec, job, SlurmSettings()) if word.startswith("--comment="))


def test_each_engine_shows_it() -> None:
    assert docker_api.labels(SPEC)[docker_api.REQUEST_ID_LABEL] == ID  # Docker, Podman and Swarm
    manifest = job_manifest(SPEC, {"hostPath": {"path": "/srv"}}, KubernetesSettings(), 1)
    assert manifest["metadata"]["labels"][REQUEST_ID_LABEL] == ID
    assert f"org.chrisproject.pfcon.request-id={ID}" in comment(SPEC)
    assert f'MY.PfconRequestId = "{ID}"' in submit_description(SPEC, ROOT, "marker", HTCondorSettings())
    assert wdl.labels(SPEC, ROOT, "token")[wdl.REQUEST_ID_LABEL] == ID


def test_a_job_without_one_has_no_empty_label() -> None:
    without = replace(SPEC, request_id="")
    assert docker_api.REQUEST_ID_LABEL not in docker_api.labels(without)
    manifest = job_manifest(without, {"hostPath": {"path": "/srv"}}, KubernetesSettings(), 1)
    assert REQUEST_ID_LABEL not in manifest["metadata"]["labels"]
    assert "request-id" not in comment(without)
    assert "PfconRequestId" not in submit_description(without, ROOT, "marker", HTCondorSettings())
    assert wdl.REQUEST_ID_LABEL not in wdl.labels(without, ROOT, "token")


def test_records_of_earlier_releases_have_neither_it_nor_paths() -> None:
    known = replace(SPEC, paths=DataPaths(("home/in",), "home/out"))
    assert JobSpec.from_json(known.to_json()) == known
    earlier = SPEC.to_json().replace(f', "request_id": "{ID}", "paths": {{"inputs": [], "output": ""}}', "")
    assert "paths" not in earlier
    assert JobSpec.from_json(earlier) == replace(SPEC, request_id="")
