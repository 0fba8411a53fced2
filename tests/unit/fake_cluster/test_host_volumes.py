"""storeBase as a directory of the nodes (COMPUTE_VOLUME_TYPE=host)."""

from pathlib import Path, PurePosixPath

from support.kubernetes import KubernetesHarness

from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.pod_ends import OTHER_CLAIM
from pfcon.models import JobStatus, Resources
from pfcon.testing.waiting import eventually


def at_host(compute: KubernetesHarness, root: Path) -> KubernetesEngine:
    return compute.other(volume_type="host", volume_name=None, storebase=PurePosixPath(root))


def test_a_job_reads_and_writes_a_directory_of_its_node(compute: KubernetesHarness) -> None:
    spec = compute.shell('echo written >"$1"/out')
    at_host(compute, compute.storebase.root).schedule(spec)
    volume = compute.cluster.job(spec.name)["spec"]["template"]["spec"]["volumes"][0]
    assert volume == {"name": "storebase", "hostPath": {"path": str(compute.storebase.root)}}
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert (compute.outgoing(spec) / "out").read_text() == "written\n"


def test_a_directory_that_is_not_storebase_starts_no_container(compute: KubernetesHarness, tmp_path: Path) -> None:
    engine, spec = at_host(compute, tmp_path), compute.spec(["true"])
    engine.schedule(spec)
    assert eventually(lambda: engine.info(spec.name).status.final)
    info = engine.info(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, OTHER_CLAIM.message)
    assert "STOREBASE" in info.message


def test_a_gpu_of_another_name_is_asked_for(compute: KubernetesHarness) -> None:
    engine = compute.other(gpu_resource="amd.com/gpu")
    spec = compute.spec(["true"], resources=Resources(gpus=1))
    engine.schedule(spec)
    assert eventually(lambda: "too few free GPUs" in engine.info(spec.name).message)
