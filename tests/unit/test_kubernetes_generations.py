"""The fake cluster tells what a release of Kubernetes tells of a Job: 1.20 its end at once, today's in steps."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.kubernetes_generations import OLD, TODAY
from fakes.kubernetes_policies import meets_success_policy
from fakes.kubernetes_server import FakeKubernetes
from support.kubernetes import Cluster

from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

JOBS, PODS = "apis/batch/v1/namespaces/default/jobs", "api/v1/namespaces/default/pods"
IMAGE = "none:1"
DRAINS = {"rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}
Json = dict[str, Any]


@pytest.fixture(params=[OLD, TODAY], ids=lambda generation: generation.version)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeKubernetes]:
    with tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        storebase = StoreBase(Path(name))
        with FakeKubernetes(
            storebase, claim="data", namespace="default", image=IMAGE, generation=request.param
        ) as fake:
            fake.kubeconfig(Path(name, "kubeconfig"))
            yield fake


@pytest.fixture
def today(fake: FakeKubernetes) -> bool:
    """Whether the cluster is of today's release."""
    return fake.cluster.generation == TODAY


@pytest.fixture
def cluster(fake: FakeKubernetes, tmp_path: Path) -> Cluster:
    return Cluster(fake.kubeconfig(tmp_path / "kubeconfig"))


def create(cluster: Cluster, script: str, image: str = IMAGE, **spec: Any) -> None:
    container = {"name": "job", "image": image, "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    body = {"backoffLimit": 0, "template": {"metadata": {}, "spec": pod}, **spec}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": body}
    status, answer = cluster.ask("POST", JOBS, job)
    assert status == 201, answer


def job_of(cluster: Cluster) -> Json:
    job: Json = cluster.ask("GET", f"{JOBS}/j")[1]
    return job


def pods(cluster: Cluster) -> list[Json]:
    found: list[Json] = cluster.ask("GET", PODS, labelSelector="job-name=j")[1]["items"]
    return found


def conditions(cluster: Cluster) -> list[tuple[str, str | None]]:
    told = job_of(cluster)["status"].get("conditions") or []
    return [(each["type"], each.get("reason")) for each in told]


def history(fake: FakeKubernetes) -> list[Json]:
    """The states of the Job that a watch has told."""
    with fake.cluster.objects.changed:
        return [
            event.object["status"]
            for event in fake.cluster.objects.events
            if event.kind == "jobs" and event.object.get("status")
        ]


def ended(cluster: Cluster) -> bool:
    return any(type in ("Complete", "Failed") for type, _ in conditions(cluster))


def runs(cluster: Cluster) -> bool:
    return [pod["status"]["phase"] for pod in pods(cluster)] == ["Running"]


def evict(cluster: Cluster) -> None:
    name = pods(cluster)[0]["metadata"]["name"]
    status, answer = cluster.ask("POST", f"{PODS}/{name}/eviction", {"metadata": {"name": name}})
    assert status == 201, answer


def test_a_success_is_told_in_steps_today_and_at_once_in_1_20(
    fake: FakeKubernetes, cluster: Cluster, today: bool
) -> None:
    create(cluster, "exit 0")
    assert eventually(lambda: ended(cluster))
    expected = [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]
    assert conditions(cluster) == (expected if today else [("Complete", None)])
    status = job_of(cluster)["status"]
    assert status["succeeded"] == 1
    assert "active" not in status
    assert {key in status for key in ("ready", "terminating", "uncountedTerminatedPods")} == {today}
    noted = [told["uncountedTerminatedPods"] for told in history(fake) if told.get("uncountedTerminatedPods")]
    assert noted == ([{"succeeded": [pods(cluster)[0]["metadata"]["uid"]]}] if today else [])


def test_a_job_is_failed_today_when_its_last_pod_has_ended(fake: FakeKubernetes, cluster: Cluster, today: bool) -> None:
    script = 'if [ "$JOB_COMPLETION_INDEX" = 0 ]; then sleep 0.5; exit 3; fi; trap "sleep 0.5; exit 0" TERM; sleep 60'
    if not today:  # which has no indexes
        script = "sleep 0.5; exit 3"
    create(cluster, script, completions=2, parallelism=2, completionMode="Indexed")
    assert eventually(lambda: ended(cluster))
    reason = "BackoffLimitExceeded"
    assert conditions(cluster) == ([("FailureTarget", reason), ("Failed", reason)] if today else [("Failed", reason)])
    between = [told for told in history(fake) if [c["type"] for c in told.get("conditions") or []] == ["FailureTarget"]]
    assert bool(between) is today
    assert any(told["terminating"] for told in between) is today


def test_workers_have_an_index_today(cluster: Cluster, today: bool) -> None:
    create(cluster, "sleep 60", completions=2, parallelism=2, completionMode="Indexed")
    assert eventually(lambda: len(pods(cluster)) == 2)
    key = "batch.kubernetes.io/job-completion-index"
    found = [(pod["metadata"]["annotations"].get(key), pod["metadata"]["labels"].get(key)) for pod in pods(cluster)]
    assert sorted(found) == [("0", "0"), ("1", "1")] if today else found == [(None, None)] * 2
    assert job_of(cluster)["spec"].get("completionMode") == ("Indexed" if today else None)
    tracked = {bool(pod["metadata"]["finalizers"]) for pod in pods(cluster)}
    assert tracked == {today}


def test_an_evicted_pod_ends_its_job_by_the_policy_today_and_is_replaced_in_1_20(cluster: Cluster, today: bool) -> None:
    create(cluster, "sleep 60", podFailurePolicy=DRAINS)
    assert eventually(lambda: runs(cluster))
    first = pods(cluster)[0]["metadata"]["uid"]
    evict(cluster)
    if today:
        assert eventually(lambda: ended(cluster))
        assert conditions(cluster)[-1] == ("Failed", "PodFailurePolicy")
        assert job_of(cluster)["status"]["failed"] == 1
    else:
        assert eventually(lambda: any(pod["metadata"]["uid"] != first for pod in pods(cluster)))
        assert conditions(cluster) == []
        assert "failed" not in job_of(cluster)["status"]


def test_a_pod_without_an_image_turns_back_today_while_it_ends(cluster: Cluster, today: bool) -> None:
    create(cluster, "true", image="absent:1")
    assert eventually(lambda: waits_for(cluster) in ("ErrImagePull", "ImagePullBackOff"))
    name = pods(cluster)[0]["metadata"]["name"]
    assert cluster.ask("PATCH", f"{JOBS}/j", {"spec": {"activeDeadlineSeconds": 1}})[0] == 200
    seen: list[str] = []

    def gone() -> bool:
        seen.extend(waits_for(cluster) for pod in pods(cluster) if pod["metadata"]["name"] == name)
        return all(pod["metadata"]["name"] != name for pod in pods(cluster))

    assert eventually(gone)
    assert ("ContainerCreating" in seen) is today
    assert eventually(lambda: ended(cluster))
    assert conditions(cluster)[-1] == ("Failed", "DeadlineExceeded")


def waits_for(cluster: Cluster) -> str:
    for pod in pods(cluster):
        for container in pod["status"].get("containerStatuses") or []:
            return str((container["state"].get("waiting") or {}).get("reason") or "")
    return ""


def test_a_pod_at_its_deadline_is_failed_before_its_end_in_1_20(cluster: Cluster, today: bool) -> None:
    create(cluster, 'trap "sleep 1; exit 0" TERM; while :; do sleep 0.1; done')
    assert eventually(lambda: runs(cluster))
    place = f"{PODS}/{pods(cluster)[0]['metadata']['name']}"
    assert cluster.ask("PATCH", place, {"spec": {"activeDeadlineSeconds": 1}})[0] == 200
    assert eventually(lambda: cluster.ask("GET", place)[1]["status"]["phase"] == "Failed")
    pod = cluster.ask("GET", place)[1]
    assert pod["status"]["reason"] == "DeadlineExceeded"
    assert ("running" in pod["status"]["containerStatuses"][0]["state"]) is not today


def test_the_replacement_of_a_deleted_pod_waits_for_its_end_only_with_the_policy(cluster: Cluster, today: bool) -> None:
    create(cluster, 'trap "sleep 2; exit 0" TERM; while :; do sleep 0.1; done', podReplacementPolicy="Failed")
    assert eventually(lambda: runs(cluster))
    place = f"{PODS}/{pods(cluster)[0]['metadata']['name']}"
    assert cluster.ask("DELETE", place)[0] == 200
    if today:
        assert eventually(lambda: job_of(cluster)["status"].get("terminating") == 1)
        assert len(pods(cluster)) == 1
    else:
        assert eventually(lambda: len(pods(cluster)) == 2)


def test_a_success_policy_ends_a_job_early_today(cluster: Cluster, today: bool) -> None:
    policy = {"rules": [{"succeededIndexes": "0"}]}
    script = 'if [ "${JOB_COMPLETION_INDEX:-0}" = 0 ]; then exit 0; fi; sleep 600'
    create(cluster, script, completions=2, parallelism=2, completionMode="Indexed", successPolicy=policy)
    assert eventually(lambda: ended(cluster))
    reason = "SuccessPolicy"
    expected = [("SuccessCriteriaMet", reason), ("Complete", reason)]
    assert conditions(cluster) == (expected if today else [("Complete", None)])


@pytest.mark.parametrize(
    ("rule", "succeeded", "met"),
    [
        ({"succeededCount": 2}, {1}, False),
        ({"succeededCount": 2}, {1, 3}, True),
        ({"succeededIndexes": "0,2-3"}, {0, 2}, False),
        ({"succeededIndexes": "0,2-3"}, {0, 2, 3}, True),
        ({"succeededIndexes": "0,2-3", "succeededCount": 1}, {1}, False),
        ({"succeededIndexes": "0,2-3", "succeededCount": 1}, {3}, True),
    ],
)
def test_success_policies(rule: Json, succeeded: set[int], met: bool) -> None:
    assert meets_success_policy({"successPolicy": {"rules": [rule]}}, succeeded) is met
    assert not meets_success_policy({}, succeeded)
