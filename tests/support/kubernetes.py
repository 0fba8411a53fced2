"""Clusters for tests: a real one that the environment names, and direct requests to see what is there."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fakes.kubernetes_generations import TODAY, Generation
from fakes.kubernetes_server import FakeKubernetes

from pfcon.compute.base import ComputeEngine
from pfcon.compute.kubernetes.connection import Connection
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.spec import JOB_TYPE_LABEL, REQUEST_ANNOTATION
from pfcon.compute.settings import ComputeSettings
from pfcon.models import JobSpec, User
from pfcon.paths import JobDir, StoreBase
from pfcon.testing.compute.harness import Harness, Untouched
from pfcon.testing.compute.outside import kill_processes, processes_of
from pfcon.testing.waiting import PATIENCE

from .capabilities import CAPABILITIES
from .engines import IMAGE, WORKDIR, kubernetes_cluster
from .foreign import COMMAND, FORGED
from .live import LiveServer
from .settings import compute_settings

NAMESPACE = os.environ.get("PFCON_TEST_KUBERNETES_NAMESPACE", "pfcon-test")
CLAIM = os.environ.get("PFCON_TEST_KUBERNETES_CLAIM", "pfcon-test")
STUCK_GRACE = 4.0  # seconds
WATCH_IDLE = 2.0  # seconds
MINUTE = 3.0  # seconds; of time limits
_NO_INDEXES = "Kubernetes before 1.21 does not number the workers of a Job"
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

    def begin_removal(self, job: str) -> None:
        """Delete a Job without waiting for its pods, which takes an old kubelet up to a minute."""
        place = f"apis/batch/v1/namespaces/{NAMESPACE}/jobs/{job}"
        status, answer = self.ask("DELETE", place, propagationPolicy="Foreground")
        assert status in (200, 404), answer

    def delete_pod(self, spec: JobSpec) -> None:
        """Delete the one pod of a job."""
        (pod,) = self.pods(spec.name)
        place = f"api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}"
        status, answer = self.ask("DELETE", place)
        assert status in (200, 202), answer


def kubernetes_settings(kubeconfig: str, **overrides: Any) -> ComputeSettings:
    """Settings of an engine that uses the tests' namespace and claim."""
    cluster = KubernetesSettings(
        namespace=overrides.pop("namespace", NAMESPACE),
        node_selector=overrides.pop("node_selector", ()),
        image_pull_secrets=(),
        kubeconfig=kubeconfig,
        **{key: overrides.pop(key) for key in ("gpu_resource",) if key in overrides},
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
        """Delete a Job without waiting for its pods."""
        self.cluster.begin_removal(name)

    def close(self) -> None:
        """End the cluster where it is ours, or begin to remove what a test may have scheduled."""
        if self.fake:
            self.fake.__exit__()
            return
        for name in dict.fromkeys(self.names):
            self.begin_removal(name)


def kubernetes_harness(name: str, root: Path) -> KubernetesHarness:
    """The harness of ``kubernetes``, a real cluster, or of ``fake-kubernetes``, one of its own.

    A fake is today's release, or that of a name like ``fake-kubernetes-1.20``.
    root: storeBase of the fake. That of the real one is shared by all tests.
    """
    fake = None
    if name == "kubernetes":
        kubeconfig, shared = kubernetes_cluster()
        storebase = StoreBase(Path(shared))
    else:
        storebase = StoreBase(root)
        version = name.removeprefix("fake-kubernetes").removeprefix("-")
        generation = Generation(version) if version else TODAY
        fake = FakeKubernetes(storebase, claim=CLAIM, namespace=NAMESPACE, image=IMAGE, generation=generation)
        fake.__enter__()
        kubeconfig = fake.kubeconfig(root / "kubeconfig")
    (root / "dead.json").write_text(DEAD)

    def at(file: str) -> ComputeEngine:
        return make_engine(file, storebase)

    cluster = Cluster(kubeconfig)
    return KubernetesHarness(
        at(kubeconfig),
        storebase,
        IMAGE,
        name,
        CAPABILITIES[name] if cluster.minor >= 21 else replace(CAPABILITIES[name], numbers=_NO_INDEXES),
        make_dead=lambda: at(str(root / "dead.json")),
        labels_of=cluster.labels,
        prepare_job=_let_pass if fake else None,
        foreign_job=partial(foreign_kubernetes_job, cluster),
        kill_outside=kill_processes if fake else _kill_on_this_machine,
        end_keeper=cluster.delete_pod,
        # Its kubelets report a pod as Failed, then end its containers.
        reports_end_early=cluster.minor < 22,
        kubeconfig=kubeconfig,
        fake=fake,
        minute=MINUTE,
        workdir="/" if fake else WORKDIR,
    )


def _let_pass(job: JobDir, user: User | None) -> None:
    """The fake's pods are processes, without mounts."""
    job.allow_traversal(user)


def _kill_on_this_machine(spec: JobSpec, number: signal.Signals) -> None:
    if not processes_of(spec):
        pytest.skip("the cluster runs jobs on another machine")
    kill_processes(spec, number)


@contextlib.contextmanager
def foreign_kubernetes_job(cluster: Cluster, name: str, *, forged: bool) -> Iterator[Untouched]:
    """Somebody else's Job, as the functions of ``support.foreign``."""
    place = f"apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    metadata: dict[str, Any] = {"name": name, "labels": {"somebody": "else"}}
    if forged:
        metadata = {"name": name, "labels": {JOB_TYPE_LABEL: "plugin"}, "annotations": {REQUEST_ANNOTATION: FORGED}}
    container = {"name": "job", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": COMMAND}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": {"metadata": {}, "spec": pod}},
    }
    status, made = cluster.ask("POST", place, body)
    assert status == 201, made

    def untouched() -> bool:
        found = cluster.job(name)
        same = all(found["metadata"].get(key) == made["metadata"].get(key) for key in ("uid", "deletionTimestamp"))
        return same and found["spec"] == made["spec"] and _notes(found) == _notes(made)

    try:
        yield untouched
    finally:
        cluster.begin_removal(name)


def _notes(job: dict[str, Any]) -> set[str]:
    """The annotations that are not Kubernetes' own."""
    return {key for key in job["metadata"].get("annotations") or {} if "kubernetes.io/" not in key}


def make_engine(
    kubeconfig: str, seen: StoreBase, processes: int = 1, stuck_grace: float = STUCK_GRACE, **overrides: Any
) -> KubernetesEngine:
    """An engine of little patience. seen: storeBase as the service sees it."""
    settings = kubernetes_settings(kubeconfig, **overrides)
    return KubernetesEngine(
        settings,
        settings.own,
        seen.root,
        processes,
        stop_grace=2,
        stuck_grace=stuck_grace,
        watch_idle=WATCH_IDLE,
        minute=MINUTE,
        remove_wait=3 * PATIENCE,  # an old kubelet lets pods go once a minute, one after the other
    )


def kubernetes_server(kubernetes: KubernetesHarness, **environ: str) -> LiveServer:
    """A server that uses the cluster; the claim's root is its storeBase."""
    cluster = {"JOB_NAMESPACE": NAMESPACE, "VOLUME_NAME": CLAIM, "KUBECONFIG": kubernetes.kubeconfig}
    kind = {"CONTAINER_ENV": "kubernetes", "COMPUTE_VOLUME_TYPE": "kubernetes_pvc"}
    return LiveServer(kubernetes.storebase.root, {**kind, **cluster, **environ})
