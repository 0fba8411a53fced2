"""pfcon itself on Kubernetes: a job's whole life over HTTP, on a fake cluster and on a real one."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from support.engines import op_image
from support.kubernetes import NAMESPACE, KubernetesHarness, kubernetes_server
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid
from support.staged import INNETWORK, StagedJob
from support.user_objects import OBJECT_STORES, UserObjects, seen_from_containers, url_of

DONE = "finishedSuccessfully"
SECRETS = f"api/v1/namespaces/{NAMESPACE}/secrets"


@pytest.fixture(params=OBJECT_STORES)
def users(request: pytest.FixtureRequest) -> Iterator[UserObjects]:
    """Users' data that pods can reach."""
    with seen_from_containers(url_of(request.param)) as url:
        users = UserObjects(request.param, url)
        users.add({"home/bob/data/a b.txt": b"alpha"})
        yield users


@contextmanager
def secret(kubernetes: KubernetesHarness, name: str, texts: Mapping[str, str]) -> Iterator[None]:
    """A Secret of the site's; one that a killed test has left is replaced."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(texts)}
    kubernetes.cluster.ask("DELETE", f"{SECRETS}/{name}")
    status, answer = kubernetes.cluster.ask("POST", SECRETS, body)
    assert status == 201, answer
    try:
        yield
    finally:
        kubernetes.cluster.ask("DELETE", f"{SECRETS}/{name}")


def staged(kubernetes: KubernetesHarness, service: LiveServer, input_dir: str = "home/bob/data") -> StagedJob:
    """A job that is removed in the end, with its operations."""
    job = StagedJob(service, input_dir)
    kubernetes.names += [job.jid, *(f"{job.jid}-{kind}" for kind in ("copy", "upload", "delete"))]
    return job


def test_a_zip_goes_in_a_job_runs_in_a_pod_and_its_outputs_come_back(kubernetes: KubernetesHarness) -> None:
    with kubernetes_server(kubernetes) as service:
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
    with kubernetes_server(kubernetes, **INNETWORK, PFCON_OP_IMAGE=image) as service:
        job = staged(kubernetes, service, f"{home}/data")
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


@pytest.mark.engine("kubernetes")
@pytest.mark.parametrize("kubernetes", ["kubernetes"], indirect=True)
def test_copies_and_uploads_mount_the_secret_of_their_store(kubernetes: KubernetesHarness, users: UserObjects) -> None:
    environ = {**users.environ, "PFCON_OP_IMAGE": op_image("kubernetes")}
    with (
        secret(kubernetes, f"pfcon-{users.storage}", users.address),
        kubernetes_server(kubernetes, **environ) as service,
    ):
        job = staged(kubernetes, service)
        copied = job.copied()
        assert copied["status"] == DONE, copied
        job.plugin(COPY_ALL)
        assert job.wait("plugin")["status"] == DONE
        uploaded = job.uploaded()
        assert uploaded["status"] == DONE, uploaded
        assert users.read(f"{job.output_dir}/") == {"a b.txt": b"alpha"}
        for kind in ("copy", "upload"):
            pod = kubernetes.cluster.job(f"{job.jid}-{kind}")["spec"]["template"]["spec"]
            assert users.key not in str(pod)
            assert [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v] == [f"pfcon-{users.storage}"]
        assert "secret" not in str(kubernetes.cluster.job(job.jid)["spec"]["template"]["spec"]["volumes"])
        assert not (kubernetes.storebase.root / ".pfcon/secrets").exists()
        assert job.delete().status_code == 201
        assert job.wait("delete")["status"] == DONE


@pytest.mark.engine("kubernetes")
@pytest.mark.parametrize("kubernetes", ["kubernetes"], indirect=True)
@pytest.mark.parametrize("users", ["swift"], indirect=True)
def test_a_secret_that_there_is_not_is_told(kubernetes: KubernetesHarness, users: UserObjects) -> None:
    kubernetes.cluster.ask("DELETE", f"{SECRETS}/pfcon-swift")
    with kubernetes_server(kubernetes, **users.environ, PFCON_OP_IMAGE=op_image("kubernetes")) as service:
        told = staged(kubernetes, service).copied()
    assert told["status"] == "finishedWithError"
    assert "no credentials of swift in /share/secrets/swift" in told["message"]
    assert "the Secret pfcon-swift" in told["message"]
