"""A worker never gets a second pod: one that is deleted ends the job, with that reason.

Against today's servers, which keep their controller from making another, and those of 1.20, which make one at once.
"""

from collections.abc import Iterator

import pytest
from support.kubernetes import NAMESPACE, KubernetesHarness, kubernetes_harness

from pfcon.compute.kubernetes.pod_ends import DELETED
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import HEARTBEAT
from pfcon.testing.waiting import eventually

EACH = [
    "fake-kubernetes",
    "fake-kubernetes-1.20",
    pytest.param("kubernetes", marks=pytest.mark.engine("kubernetes")),
]
COUNTED = f'echo x >>"$1"/begun; {HEARTBEAT}'


@pytest.fixture(params=EACH)
def cluster(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[KubernetesHarness]:
    """A cluster, real or not."""
    harness = kubernetes_harness(request.param, storebase.root)
    yield harness
    harness.close()


def running(cluster: KubernetesHarness, script: str = COUNTED, workers: int = 1) -> JobSpec:
    spec = cluster.shell(script, resources=Resources(workers=workers))
    cluster.engine.schedule(spec)
    assert eventually(lambda: begun(cluster, spec) == workers)
    assert eventually(lambda: cluster.engine.info(spec.name).status is JobStatus.STARTED)
    return spec


def begun(cluster: KubernetesHarness, spec: JobSpec) -> int:
    """How many containers have begun."""
    path = cluster.outgoing(spec) / "begun"
    return len(path.read_text().splitlines()) if path.exists() else 0


def delete_pod(cluster: KubernetesHarness, spec: JobSpec) -> None:
    """As with ``kubectl delete pod``, which a drain does too where there are no evictions."""
    name = cluster.cluster.pods(spec.name)[0]["metadata"]["name"]
    status, answer = cluster.cluster.ask("DELETE", f"api/v1/namespaces/{NAMESPACE}/pods/{name}")
    assert status == 200, answer


def ended_for_it(cluster: KubernetesHarness, spec: JobSpec) -> None:
    info = cluster.wait(spec.name)
    assert info.status is JobStatus.FAILED
    assert info.message.endswith(DELETED.message)
    assert cluster.engine.info(spec.name).message == info.message


@pytest.mark.parametrize("workers", [1, 2])
def test_a_pod_that_is_deleted_ends_the_job_and_gets_none_in_its_place(
    cluster: KubernetesHarness, workers: int
) -> None:
    spec = running(cluster, workers=workers)
    delete_pod(cluster, spec)
    ended_for_it(cluster, spec)
    assert cluster.has_stopped(cluster.outgoing(spec) / "beat")
    # An old controller has made another before anybody could hear of it; how soon that begins is its kubelet's.
    races = not cluster.fake and cluster.cluster.minor < 26
    assert begun(cluster, spec) in ((workers, workers + 1) if races else (workers,))


def test_a_pod_that_ends_well_when_it_is_deleted_has_not_done_its_work(cluster: KubernetesHarness) -> None:
    spec = running(cluster, f"trap 'sleep 1; exit 0' TERM; {COUNTED}")
    delete_pod(cluster, spec)
    ended_for_it(cluster, spec)


def test_what_another_pod_did_while_pfcon_was_away_is_not_told_as_the_job_s(cluster: KubernetesHarness) -> None:
    """The second is quick; on today's servers there is none."""
    script = 'echo x >>"$1"/begun; if [ -e "$1"/second ]; then exit 0; fi; touch "$1"/second; sleep 600'
    spec = running(cluster, script)
    if cluster.fake:
        cluster.engine._watcher._idle = 0  # type: ignore[attr-defined]
        assert eventually(lambda: not cluster.engine._watcher.threads())  # type: ignore[attr-defined]
    delete_pod(cluster, spec)
    if cluster.fake:
        assert eventually(lambda: cluster.cluster.job(spec.name)["status"].get("conditions"))
    ended_for_it(cluster, spec)


def test_a_job_that_is_removed_has_lost_no_pod(cluster: KubernetesHarness) -> None:
    spec = running(cluster)
    cluster.begin_removal(spec.name)
    job = cluster.cluster.job(spec.name)
    assert "chrisproject.org/pfcon-ended" not in job["metadata"].get("annotations", {})
