"""How much an API server is asked: hundreds of active jobs, polled as CUBE does it."""

import time
from pathlib import PurePosixPath

import pytest
from fakes.kubernetes_server import FakeKubernetes
from support.engines import IMAGE
from support.kubernetes import CLAIM, NAMESPACE, make_engine

from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.spec import job_manifest
from pfcon.models import OUTGOING, JobId, JobKind, JobSpec, JobStatus, Mount
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

JOBS = 300
PROCESSES = 2
RHYTHM = 5.0  # seconds between two looks of CUBE at a job
ROUNDS = 12  # a minute
FEW = 60  # requests in a minute


def add_running_jobs(fake: FakeKubernetes, count: int) -> list[str]:
    """Jobs whose pods run, as far as the API server knows."""
    fake.cluster.node.hollow = True
    names = [f"job-{number}" for number in range(count)]
    options = KubernetesSettings(NAMESPACE, (), ())
    with fake.cluster.objects.changed:
        for name in names:
            mount = Mount(PurePosixPath("key"), OUTGOING, read_only=False)
            spec = JobSpec(name, JobId(name), JobKind.PLUGIN, IMAGE, ("sleep", "600"), mounts=(mount,))
            fake.cluster.objects.add(
                "jobs", job_manifest(spec, {"persistentVolumeClaim": {"claimName": CLAIM}}, options, 2)
            )
    pods = fake.cluster.objects.kept["pods"]
    assert eventually(lambda: sum(pod["status"]["phase"] == "Running" for pod in list(pods.values())) == count)
    fake.cluster.tick = 1.0
    return names


def poll(engines: list[KubernetesEngine], names: list[str]) -> list[str]:
    """Ask for each job and its log in the rhythm, at one process of the service after the other; what was wrong."""
    wrong = []
    for turn in range(ROUNDS):
        begin = time.monotonic()
        for number, name in enumerate(names):
            engine = engines[(number + turn) % len(engines)]
            info = engine.info(name)
            engine.logs(name, 1000)
            if info.status is not JobStatus.STARTED:
                wrong.append(f"{name}: {info}")
            time.sleep(max(0.0, begin + RHYTHM * (number + 1) / len(names) - time.monotonic()))
    return wrong


@pytest.mark.slow
def test_polling_hundreds_of_jobs_for_a_minute_makes_few_requests(storebase: StoreBase) -> None:
    with FakeKubernetes(storebase, claim=CLAIM, namespace=NAMESPACE, image=IMAGE) as fake:
        kubeconfig = fake.kubeconfig(storebase.root / "kubeconfig")
        names = add_running_jobs(fake, JOBS)
        fake.requests.clear()
        engines = [make_engine(kubeconfig, storebase, PROCESSES) for _ in range(PROCESSES)]
        begin = time.monotonic()
        assert poll(engines, names) == []
        minutes = (time.monotonic() - begin) / 60  # more than one where the machine is busy
        assert len(fake.requests) < FEW * minutes, fake.requests
