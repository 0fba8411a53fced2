"""The kubernetes engine beyond the contract: whom it asks, and what it makes of requests that fail half-way."""

from pathlib import Path

import pytest
from fakes.kubernetes_server import FakeKubernetes
from support.kubernetes import NAMESPACE, KubernetesHarness

from pfcon.compute.kubernetes.connection import Connection
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually

PATCH_POD = f"PATCH /api/v1/namespaces/{NAMESPACE}/pods"
WATCH_JOBS = f"GET /apis/batch/v1/namespaces/{NAMESPACE}/jobs?"


def running(compute: KubernetesHarness, script: str = "echo begun; sleep 600") -> JobSpec:
    spec = compute.shell(script)
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.STARTED)
    return spec


def is_absent(compute: KubernetesHarness, spec: JobSpec) -> bool:
    try:
        compute.engine.info(spec.name)
    except Absent:
        return True
    return False


def asked_directly(fake: FakeKubernetes, name: str) -> int:
    return sum(f"/jobs/{name}" in asked or f"job-name%3D{name}" in asked for asked in fake.requests)


def test_an_active_job_is_followed_rather_than_asked_for(compute: KubernetesHarness, fake: FakeKubernetes) -> None:
    spec = running(compute)
    fake.requests.clear()
    for _ in range(50):
        assert compute.engine.info(spec.name).status is JobStatus.STARTED
    assert asked_directly(fake, spec.name) == 0


def test_what_may_not_be_followed_is_asked_for(compute: KubernetesHarness, fake: FakeKubernetes) -> None:
    fake.broken[WATCH_JOBS] = 403
    info = compute.run(compute.shell("exit 3"))
    assert (info.reason, info.message) == (Reason.EXIT_CODE, "the program failed with exit code 3")


def test_an_end_is_never_told_of_an_earlier_job_of_the_name(compute: KubernetesHarness) -> None:
    """Another process may have put a new job in its place, and what is followed lags behind."""
    spec, other = running(compute), compute.other()
    for _ in range(5):
        other.remove(spec.name)
        assert eventually(lambda: is_absent(compute, spec))  # what is followed lags behind
        other.schedule(spec)
        assert not compute.engine.info(spec.name).status.final
        assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.STARTED)


def test_the_log_of_an_active_job_is_read_now_and_then_that_of_an_ended_one_always(
    compute: KubernetesHarness, fake: FakeKubernetes
) -> None:
    spec = running(compute, 'echo one; while [ ! -e "$1"/go ]; do sleep 0.1; done; echo two')
    assert eventually(lambda: compute.engine.logs(spec.name, 5) == "one\n")
    fake.requests.clear()
    for _ in range(60):
        assert compute.engine.logs(spec.name, 5) == "one\n"
    assert sum("/log" in asked for asked in fake.requests) < 30
    compute.outgoing(spec).joinpath("go").touch()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 5) == "one\ntwo\n"


def test_a_log_that_fails_changes_nothing_of_what_is_told(compute: KubernetesHarness, fake: FakeKubernetes) -> None:
    spec = compute.shell("echo out; exit 3")
    info = compute.run(spec)
    pod = compute.cluster.pods(spec.name)[0]["metadata"]["name"]
    fake.broken[f"GET /api/v1/namespaces/{NAMESPACE}/pods/{pod}/log"] = 500
    with pytest.raises(Unreachable):
        compute.engine.logs(spec.name, 5)
    assert compute.engine.info(spec.name) == info
    fake.broken[f"GET /api/v1/namespaces/{NAMESPACE}/pods/{pod}/log"] = 404  # its node has thrown it away
    assert compute.engine.logs(spec.name, 5) == ""


def test_a_cancel_that_was_cut_off_is_finished_by_whoever_looks(
    compute: KubernetesHarness, fake: FakeKubernetes
) -> None:
    spec = running(compute)
    fake.broken[PATCH_POD] = 500
    with pytest.raises(Unreachable):
        compute.engine.cancel(spec.name)
    fake.broken.clear()
    info = compute.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert compute.engine.logs(spec.name, 5) == "begun\n"


def test_where_pods_may_not_be_changed_a_cancelled_job_loses_its_log(
    compute: KubernetesHarness, fake: FakeKubernetes
) -> None:
    spec = running(compute)
    fake.broken[PATCH_POD] = 403
    compute.engine.cancel(spec.name)
    info = compute.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert eventually(lambda: not compute.cluster.pods(spec.name))


def test_a_worker_that_fails_ends_the_others_and_is_named(compute: KubernetesHarness) -> None:
    script = 'if [ "$JOB_COMPLETION_INDEX" = 1 ]; then exit 5; fi; sleep 600'
    spec = compute.shell(script, resources=Resources(workers=2))
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "worker 2 of 2: the program failed with exit code 5"


def test_a_directory_that_is_not_there_is_refused_rather_than_made(compute: KubernetesHarness) -> None:
    spec = compute.spec(["true"])
    compute.incoming(spec).rmdir()
    with pytest.raises(Refused, match="there is no directory"):
        compute.engine.schedule(spec)


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, Unreachable), (403, Refused), (409, Conflict), (422, Refused), (429, Unreachable), (500, Unreachable)],
)
def test_each_refusal_of_the_server_is_one_of_ours(
    compute: KubernetesHarness, fake: FakeKubernetes, code: int, error: type[Exception]
) -> None:
    spec = running(compute)
    fake.broken[f"POST /apis/batch/v1/namespaces/{NAMESPACE}/jobs"] = code
    with pytest.raises(error, match="exists" if code == 409 else f"broken by the test: {code}"):
        compute.engine.schedule(spec)


def test_following_ends_when_nobody_asks_and_begins_again(compute: KubernetesHarness) -> None:
    spec = running(compute)
    watcher = compute.engine._watcher  # type: ignore[attr-defined]
    assert len(watcher.threads()) == 2
    assert compute.fake
    compute.fake.halt()
    assert eventually(lambda: not watcher.threads())
    compute.fake.begin()
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    assert len(watcher.threads()) == 2


def test_a_pod_s_own_account_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.config import incluster_config

    (tmp_path / "token").write_text("secret-token")
    (tmp_path / "ca.crt").write_text("certificate")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    connection = Connection(None, in_pod=tmp_path / "token")
    assert connection.where == "https://192.0.2.1:6443"
    assert [value.lower() for value in connection.identity().values()] == ["bearer secret-token"]


def test_no_usable_configuration_is_told_with_the_variable(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("no: [kubeconfig")
    for file in ("absent", "broken"):
        with pytest.raises(Unreachable, match="KUBECONFIG"):
            Connection(str(tmp_path / file))
