"""Clusters for tests: a real one that the environment names, and direct requests to see what is there."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fakes.kubernetes_server import FakeKubernetes

from pfcon.compute.base import ComputeEngine
from pfcon.compute.kubernetes.connection import Connection
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.manifest import JOB_TYPE_LABEL
from pfcon.compute.settings import ComputeSettings
from pfcon.paths import StoreBase

from .compute import Harness
from .engines import IMAGE, kubernetes_cluster
from .settings import compute_settings
from .waiting import PATIENCE

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
        self.where = self._connection.where

    def ask(self, method: str, place: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """The status of an answer, and its JSON or its text."""
        headers = {**self._connection.identity(), "Content-Type": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        url = f"{self._connection.where}/{place}" + (f"?{urlencode(query)}" if query else "")
        raw = None if body is None else json.dumps(body)
        answer = self._connection.pool.request(method, url, body=raw, headers=headers, timeout=PATIENCE, retries=False)
        is_json = answer.headers.get("Content-Type") == "application/json"
        return answer.status, json.loads(answer.data) if is_json else answer.data.decode()

    @property
    def minor(self) -> int:
        """The second part of its version."""
        return int(re.sub(r"\D", "", self.ask("GET", "version")[1]["minor"]))  # some add a plus sign

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
    fields = {"engine": "kubernetes", "volume_type": "kubernetes_pvc", "volume_name": CLAIM}
    return compute_settings(**{**fields, **overrides}, own=cluster)


@dataclass
class KubernetesHarness(Harness):
    """A harness that knows its cluster, which is a ``fake`` one, or is real and shared by all tests."""

    kubeconfig: str = ""
    fake: FakeKubernetes | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster without pfcon in between."""
        return Cluster(self.kubeconfig)

    def other(self, kubeconfig: str = "", processes: int = 1, **settings: Any) -> KubernetesEngine:
        """Another engine at the same cluster."""
        return make_engine(kubeconfig or self.kubeconfig, self.storebase, processes, **settings)

    def begin_removal(self, name: str) -> None:
        """Delete a Job without waiting for its pods, which takes an old kubelet up to a minute."""
        place = f"apis/batch/v1/namespaces/{NAMESPACE}/jobs/{name}"
        status, answer = self.cluster.ask("DELETE", place, propagationPolicy="Foreground")
        assert status in (200, 404), answer

    def close(self) -> None:
        """End the cluster where it is ours, or begin to remove what a test may have scheduled."""
        if self.fake:
            self.fake.__exit__()
            return
        for name in dict.fromkeys(self.names):
            self.begin_removal(name)


def kubernetes_harness(name: str, root: Path) -> KubernetesHarness:
    """The harness of ``kubernetes``, a real cluster, or of ``fake-kubernetes``, one of its own.

    root: storeBase of the fake. That of the real one is shared by all tests.
    """
    fake = None
    if name == "kubernetes":
        kubeconfig, shared = kubernetes_cluster()
        storebase = StoreBase(Path(shared))
    else:
        storebase = StoreBase(root)
        fake = FakeKubernetes(storebase, claim=CLAIM, namespace=NAMESPACE, image=IMAGE)
        fake.__enter__()
        kubeconfig = fake.kubeconfig(root / "kubeconfig")
    (root / "dead.json").write_text(DEAD)

    def at(file: str) -> ComputeEngine:
        return make_engine(file, storebase)

    cluster = Cluster(kubeconfig)
    return KubernetesHarness(
        name,
        at(kubeconfig),
        storebase,
        lambda: at(str(root / "dead.json")),
        cluster.labels,
        told_early=fake is None and cluster.minor < 22,  # its kubelets call a pod Failed, then end its containers
        kubeconfig=kubeconfig,
        fake=fake,
    )


def make_engine(
    kubeconfig: str, storebase: StoreBase, processes: int = 1, stuck_grace: float = STUCK_GRACE, **overrides: Any
) -> KubernetesEngine:
    """An engine of little patience."""
    settings = kubernetes_settings(kubeconfig, **overrides)
    return KubernetesEngine(
        settings,
        settings.own,
        storebase.root,
        processes,
        stop_grace=2,
        stuck_grace=stuck_grace,
        watch_idle=WATCH_IDLE,
        remove_wait=3 * PATIENCE,  # an old kubelet lets pods go once a minute, one after the other
    )
