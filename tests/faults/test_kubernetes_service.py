"""pfcon itself on Kubernetes: a job's whole life over HTTP, on a fake cluster and on a real one."""

import uuid

import pytest
from support.engines import op_image
from support.kubernetes import CLAIM, NAMESPACE, KubernetesHarness
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid
from support.staged import INNETWORK, StagedJob


def server(kubernetes: KubernetesHarness, **environ: str) -> LiveServer:
    """The claim's root is the service's storeBase."""
    cluster = {"JOB_NAMESPACE": NAMESPACE, "VOLUME_NAME": CLAIM, "KUBECONFIG": kubernetes.kubeconfig}
    kind = {"CONTAINER_ENV": "kubernetes", "COMPUTE_VOLUME_TYPE": "kubernetes_pvc"}
    return LiveServer(kubernetes.storebase.root, {**kind, **cluster, **environ})


def test_a_zip_goes_in_a_job_runs_in_a_pod_and_its_outputs_come_back(kubernetes: KubernetesHarness) -> None:
    with server(kubernetes) as service:
        api, jid = Api(service.url), new_jid()
        kubernetes.names.append(jid)
        answer = api.submit(jid, COPY_ALL, make_zip({"a.txt": "alpha"}))
        assert answer.status_code == 201, answer.text
        assert answer.json()["compute"]["status"] == "notStarted"
        ended = api.wait(jid)
        assert (ended["status"], ended["message"], ended["logs"]) == ("finishedSuccessfully", "", "copied\n")
        assert api.unzip(jid) == {"a.txt": b"alpha"}
        assert api.delete(f"jobs/{jid}/").status_code == 204
        assert api.get(f"jobs/{jid}/").status_code == 404
        refused = api.submit("Not_A_Kubernetes.name", COPY_ALL, make_zip({"a.txt": "alpha"}))
        assert refused.status_code == 400
        assert "lower-case letters" in refused.text


@pytest.mark.engine("kubernetes")
@pytest.mark.parametrize("kubernetes", ["kubernetes"], indirect=True)
def test_operations_run_in_pods_that_see_the_claim(kubernetes: KubernetesHarness) -> None:
    home = f"home/{uuid.uuid4().hex[:8]}"
    data = kubernetes.storebase.root / home / "data"
    data.mkdir(parents=True)
    (data / "a b.txt").write_text("alpha")
    image = op_image("kubernetes")
    with server(kubernetes, **INNETWORK, PFCON_OP_IMAGE=image) as service:
        job = StagedJob(service, f"{home}/data")
        kubernetes.names += [job.jid, f"{job.jid}-copy", f"{job.jid}-delete"]
        copied = job.copied()
        assert copied["status"] == "finishedSuccessfully", copied
        assert copied["message"].startswith("copied 1 files, 5 bytes")
        assert kubernetes.cluster.labels(f"{job.jid}-copy")["org.chrisproject.job_type"] == "copy"
        job.plugin(COPY_ALL)
        assert job.wait("plugin")["status"] == "finishedSuccessfully"
        assert job.files().json()["rel_file_paths"] == ["a b.txt"]
        assert job.delete().status_code == 201
        assert job.wait("delete")["status"] == "finishedSuccessfully"
        assert not job.key.exists()
