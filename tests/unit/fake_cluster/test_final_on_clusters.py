"""The end of a job whose image can't be fetched stays, although the kubelet's reason turns back while its pod ends."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.kubernetes_server import FakeKubernetes
from support.job_context import make_context
from support.kubernetes import KubernetesHarness, kubernetes_harness
from support.zips import good_zip, spooled

from pfcon.jobs import JobService
from pfcon.models import JobId, JobKind, JobRequest, JobStatus, PluginType
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually

JID = JobId("j1")
IMAGE = "127.0.0.1:1/pfcon/absent:1"
LONG_ENOUGH = 2.5  # seconds in which the fake's pod turns back, ends, and goes
FAILED = JobStatus.FAILED


@pytest.fixture(params=["fake-kubernetes", "fake-kubernetes-1.20"])
def compute(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[KubernetesHarness]:
    harness = kubernetes_harness(request.param, storebase.root)
    yield harness
    harness.close()


def test_each_answer_after_the_end_is_the_end(compute: KubernetesHarness) -> None:
    spec = compute.spec(["true"], image=IMAGE)
    first = compute.run(spec)
    assert (first.status, first.reason) == (FAILED, Reason.IMAGE_NOT_FOUND)
    until, seen = time.monotonic() + LONG_ENOUGH, set()
    while time.monotonic() < until:
        info = compute.engine.info(spec.name)
        seen.add((info.status, info.message))
        time.sleep(0.05)
    assert seen == {(FAILED, first.message)}


def test_clients_of_each_process_are_told_one_end(
    compute: KubernetesHarness, fake: FakeKubernetes, storebase: StoreBase, tmp_path: Path
) -> None:
    services = [JobService(make_context(storebase, tmp_path, engine)) for engine in (compute.engine, compute.other())]
    for service in services:
        service.start()
    request = JobRequest(JID, IMAGE, ("true",), PluginType.DS, "u", 1, 1000, 300, 0)
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        services[0].submit(request, upload)
    assert eventually(lambda: services[0].status(JID, JobKind.PLUGIN)[0].status.final)
    told, until = [], time.monotonic() + LONG_ENOUGH
    while time.monotonic() < until:
        told += [service.status(JID, JobKind.PLUGIN)[0] for service in services]
        time.sleep(0.05)
    assert {(info.status, info.reason) for info in told} == {(FAILED, Reason.IMAGE_NOT_FOUND)}
