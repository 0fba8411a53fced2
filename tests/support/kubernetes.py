"""Clusters for tests: a real one that the environment names, and direct requests to see what is there."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fakes.kubernetes_server import FakeKubernetes

from pfcon.compute.base import ComputeEngine
from pfcon.compute.kubernetes.connection import Connection
from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.manifest import JOB_TYPE_LABEL
from pfcon.paths import StoreBase
from pfcon.settings.model import ComputeSettings, EngineName, KubernetesSettings, VolumeType

from .compute import Harness
from .engines import IMAGE, kubernetes_cluster
from .settings import compute_settings

NAMESPACE = os.environ.get("PFCON_TEST_KUBERNETES_NAMESPACE", "pfcon-test")
CLAIM = os.environ.get("PFCON_TEST_KUBERNETES_CLAIM", "pfcon-test")
STUCK_GRACE = 4.0  # seconds
WATCH_IDLE = 2.0  # seconds
DEAD = """{"apiVersion": "v1", "kind": "Config", "current-context": "x",
 "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "x", "user": {}}],
 "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]}"""


class Cluster:
    """Requests to an API server without pfcon's own calls. ``place``: below /api or /apis."""

    def __init__(self, kubeconfig: str) -> None:
        self._connection = Connection(kubeconfig)

    def ask(self, method: str, place: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        headers = {**self._connection.identity(), "Content-Type": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        url = f"{self._connection.where}/{place}" + (f"?{urlencode(query)}" if query else "")
        raw = None if body is None else json.dumps(body)
        answer = self._connection.pool.request(method, url, body=raw, headers=headers, timeout=30, retries=False)
        return answer.status, json.loads(answer.data)

    def job(self, name: str) -> dict[str, Any]:
        """A Job as the server has it."""
        found: dict[str, Any] = self.ask("GET", f"apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}")[1]
        return found

    def labels(self, job: str) -> dict[str, str]:
        """The labels of a Job, its kind under the name that it has on other engines."""
        found: dict[str, str] = self.job(job)["metadata"]["labels"]
        return {**found, "org.chrisproject.job_type": found[JOB_TYPE_LABEL]}

    def pods(self, job: str) -> list[dict[str, Any]]:
        """The pods of a job."""
        place = f"api/v1/namespaces/{NAMESPACE}/pods"
        found: list[dict[str, Any]] = self.ask("GET", place, labelSelector=f"job-name={job}")[1]["items"]
        return found


def kubernetes_settings(kubeconfig: str, **overrides: Any) -> ComputeSettings:
    """Settings of an engine that uses the tests' namespace and claim."""
    cluster = KubernetesSettings(
        namespace=overrides.pop("namespace", NAMESPACE),
        node_selector=overrides.pop("node_selector", ()),
        image_pull_secrets=(),
        kubeconfig=kubeconfig,
    )
    fields = {"engine": EngineName.KUBERNETES, "volume_type": VolumeType.KUBERNETES_PVC, "volume_name": CLAIM}
    return compute_settings(**{**fields, **overrides}, kubernetes=cluster)


@dataclass
class KubernetesHarness(Harness):
    """A harness whose end does not wait for pods to be gone, which takes an old kubelet up to a minute."""

    cluster: Cluster | None = None

    def close(self) -> None:
        """Begin to remove every job that a test may have scheduled."""
        assert self.cluster
        for name in dict.fromkeys(self.names):
            status, answer = self.cluster.ask(
                "DELETE", f"apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}", propagationPolicy="Foreground"
            )
            assert status in (200, 404), answer


@dataclass
class FakeHarness(Harness):
    """A harness with a cluster of its own."""

    fake: FakeKubernetes | None = None

    def close(self) -> None:
        """End the cluster, and all that runs there."""
        assert self.fake
        self.fake.__exit__()


def kubernetes_harness(keep: Callable[[ComputeEngine], None], directory: Path) -> KubernetesHarness:
    """The harness of a real cluster. Its claim's storeBase is shared by all tests; ``directory`` is for files."""
    kubeconfig, found = kubernetes_cluster()
    storebase, cluster = StoreBase(Path(found)), Cluster(kubeconfig)
    dead = dead_kubeconfig(directory)
    return KubernetesHarness(
        "kubernetes",
        make_engine(kubeconfig, storebase, keep),
        storebase,
        lambda: make_engine(dead, storebase, keep),
        cluster.labels,
        cluster=cluster,
    )


def fake_harness(keep: Callable[[ComputeEngine], None], root: Path) -> FakeHarness:
    """The harness of a fake cluster, whose claim is ``root``."""
    storebase = StoreBase(root)
    fake = FakeKubernetes(storebase, claim=CLAIM, namespace=NAMESPACE, image=IMAGE)
    fake.__enter__()
    kubeconfig, dead = fake.kubeconfig(root / "kubeconfig"), dead_kubeconfig(root)
    return FakeHarness(
        "fake-kubernetes",
        make_engine(kubeconfig, storebase, keep),
        storebase,
        lambda: make_engine(dead, storebase, keep),
        Cluster(kubeconfig).labels,
        fake=fake,
    )


def make_engine(
    kubeconfig: str, storebase: StoreBase, keep: Callable[[ComputeEngine], None], processes: int = 1, **overrides: Any
) -> KubernetesEngine:
    """An engine of little patience, which ``keep`` keeps alive."""
    settings = kubernetes_settings(kubeconfig, **overrides)
    engine = KubernetesEngine(
        settings, storebase.root, processes, stop_grace=2, stuck_grace=STUCK_GRACE, watch_idle=WATCH_IDLE
    )
    keep(engine)
    return engine


def dead_kubeconfig(directory: Path) -> str:
    """Of an API server at an address where nobody answers."""
    (directory / "dead.json").write_text(DEAD)
    return str(directory / "dead.json")
