"""The lists of all jobs of Kubernetes: what they cost the API server, and for which jobs ``info`` has to act."""

import time
from urllib.parse import quote

import pytest
from fakes.kubernetes_server import FakeKubernetes
from support.kubernetes import NAMESPACE, STUCK_GRACE, KubernetesHarness

from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.spec import JOB_TYPE_LABEL
from pfcon.errors import Unreachable
from pfcon.models import JobSpec, JobStatus
from pfcon.testing.waiting import eventually

JOBS = f"GET /apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"GET /api/v1/namespaces/{NAMESPACE}/pods"


@pytest.fixture
def engine(compute: KubernetesHarness) -> KubernetesEngine:
    assert isinstance(compute.engine, KubernetesEngine)
    return compute.engine


def lasting(compute: KubernetesHarness, number: int = 1) -> list[JobSpec]:
    """Start jobs, and wait until they are active."""
    specs = [compute.start_lasting(request=f"digest.{index}") for index in range(number)]
    assert eventually(lambda: {spec.name for spec in specs} <= set(compute.engine.active_jobs() or ()))
    return specs


def text(compute: KubernetesHarness, spec: JobSpec) -> str:
    return (compute.engine.active_jobs() or {}).get(spec.name, "")


def reads(fake: FakeKubernetes) -> int:
    """How many requests for Jobs and pods came, without those that follow them."""
    return sum(path.startswith((JOBS, PODS)) and "watch=1" not in path for path in fake.requests)


def test_the_list_of_active_jobs_costs_no_request(compute: KubernetesHarness, fake: FakeKubernetes) -> None:
    lasting(compute, 3)
    fake.requests.clear()
    for _ in range(50):
        assert len(compute.engine.active_jobs() or ()) == 3
    assert reads(fake) == 0


def test_the_first_list_begins_to_follow_jobs(compute: KubernetesHarness, engine: KubernetesEngine) -> None:
    assert engine._connected is None
    lasting(compute)  # calls no ``info``
    assert len(engine._watcher.threads()) == 2


def test_where_jobs_may_not_be_followed_a_list_takes_two_requests_for_any_number(
    compute: KubernetesHarness, fake: FakeKubernetes
) -> None:
    specs = lasting(compute)
    for path in (JOBS, PODS):
        fake.broken[f"{path}?labelSelector={quote(JOB_TYPE_LABEL, safe='')}&resourceVersion="] = 403  # of a watch
    other = compute.other()
    for number in (1, 4):
        specs += lasting(compute, number - 1)
        assert other.active_jobs()
        other._watcher._idle = 0
        assert eventually(lambda: not other._watcher.threads())
        fake.requests.clear()
        assert {spec.name for spec in specs} <= set(other.active_jobs())
        assert other._watcher._jobs.age() > time.monotonic()  # infinite: nothing is followed
        assert 2 <= reads(fake) <= 4  # two of them may be those of its threads, which end


def test_the_list_of_requests_takes_one_request(compute: KubernetesHarness, fake: FakeKubernetes) -> None:
    specs = lasting(compute, 3)
    fake.requests.clear()
    assert compute.engine.jobs() == {spec.name: spec.request for spec in specs}
    assert reads(fake) == 1


def test_a_job_that_info_would_end_has_another_text(compute: KubernetesHarness) -> None:
    spec = compute.spec(["true"], image="127.0.0.1:1/pfcon/absent:1")
    compute.engine.schedule(spec)
    assert eventually(lambda: "overdue" in text(compute, spec))
    assert compute.engine.info(spec.name).status is JobStatus.FAILED
    assert eventually(lambda: not text(compute, spec))


def test_a_job_that_is_being_ended_has_another_text_from_time_to_time(
    compute: KubernetesHarness, fake: FakeKubernetes
) -> None:
    (spec,) = lasting(compute)
    fake.broken[f"PATCH /api/v1/namespaces/{NAMESPACE}/pods"] = 500
    with pytest.raises(Unreachable):
        compute.engine.cancel(spec.name)
    assert eventually(lambda: "unfinished" in text(compute, spec))
    before = text(compute, spec)
    assert eventually(lambda: text(compute, spec) not in (before, ""))
    fake.broken.clear()
    assert compute.wait(spec.name).message == "cancelled"
    assert eventually(lambda: not text(compute, spec))


def test_an_ended_job_is_not_active_even_if_the_copy_does_not_know_that_yet(
    compute: KubernetesHarness, engine: KubernetesEngine
) -> None:
    (spec,) = lasting(compute)
    uid = compute.cluster.job(spec.name)["metadata"]["uid"]
    engine._watcher.forget(uid)
    assert spec.name not in engine.active_jobs()


def test_a_cluster_that_goes_away_makes_the_list_unreachable_not_empty(
    compute: KubernetesHarness, engine: KubernetesEngine, fake: FakeKubernetes
) -> None:
    (spec,) = lasting(compute)
    fake.halt()
    assert eventually(lambda: engine._watcher._jobs.age() > time.monotonic())  # infinite
    with pytest.raises(Unreachable):
        engine.active_jobs()
    fake.begin()
    assert eventually(lambda: is_listed(engine, spec), timeout=60 + STUCK_GRACE)


def is_listed(engine: KubernetesEngine, spec: JobSpec) -> bool:
    try:
        return spec.name in engine.active_jobs()
    except Unreachable:
        return False
