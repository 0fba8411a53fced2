"""A Kubernetes cluster behind a relay that counts requests, and a claim for a storeBase of this machine."""

import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.engines import kubectl, kubernetes_cluster
from support.kubernetes import NAMESPACE, Cluster
from support.ports import free_port

from benchmarks.counting import CountingTcpRelay
from benchmarks.faults import Broken

LOOK = 0.5  # seconds between two looks at the pods
PATIENCE = 20.0  # seconds for kubectl to listen
_CLAIMS, _VOLUMES = f"api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims", "api/v1/persistentvolumes"
_PODS = f"api/v1/namespaces/{NAMESPACE}/pods"
_JOBS = f"apis/batch/v1/namespaces/{NAMESPACE}/jobs"


@dataclass
class CountedCluster:
    """relay: through which a service with these settings asks the cluster."""

    cluster: Cluster
    name: str
    relay: CountingTcpRelay
    settings: dict[str, str]

    @contextmanager
    def ends(self) -> Iterator[Mapping[str, float]]:
        """Note when the API server first shows the end of each job's pod, in seconds since the epoch.

        A kubelet reports it seconds after the container's own time of the end. The time is at most LOOK late.
        """
        seen: dict[str, float] = {}
        stopped = threading.Event()

        def look() -> None:
            while not stopped.wait(LOOK):
                answer = self.cluster.ask("GET", _PODS, labelSelector=f"pfcon.benchmark={self.name}")[1]
                for pod in answer["items"]:
                    if pod["status"].get("phase") in ("Succeeded", "Failed"):
                        seen.setdefault(pod["metadata"]["labels"]["job-name"], time.time())

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stopped.set()
            thread.join()


@contextmanager
def counted_cluster(directory: Path) -> Iterator[CountedCluster]:
    """For a server over ``directory``/storeBase. All its jobs are removed at the end."""
    kubeconfig = kubernetes_cluster()[0]
    name = f"pfcon-bench-{secrets.token_hex(4)}"
    cluster = Cluster(kubeconfig)
    port = free_port()
    words = [kubectl(), "--kubeconfig", kubeconfig, "proxy", "--address=127.0.0.1", f"--port={port}"]
    proxy = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        _await_proxy(proxy)
        _create_claim(cluster, name, directory / "storeBase")
        with CountingTcpRelay(f"tcp://127.0.0.1:{port}") as relay:
            file = directory / "kubeconfig"
            file.write_text(json.dumps(_kubeconfig(f"http://{relay.url}")))
            settings = {
                "CONTAINER_ENV": "kubernetes",
                "KUBECONFIG": str(file),
                "JOB_NAMESPACE": NAMESPACE,
                "JOB_LABELS": f"pfcon.benchmark={name}",
                "COMPUTE_VOLUME_TYPE": "kubernetes_pvc",
                "VOLUME_NAME": name,
            }
            yield CountedCluster(cluster, name, relay, settings)
    finally:
        try:
            cluster.ask("DELETE", _JOBS, labelSelector=f"pfcon.benchmark={name}", propagationPolicy="Background")
            cluster.ask("DELETE", f"{_CLAIMS}/{name}")
            cluster.ask("DELETE", f"{_VOLUMES}/{name}")
        finally:
            proxy.terminate()
            proxy.wait()


def _await_proxy(proxy: "subprocess.Popen[bytes]") -> None:
    """Wait for kubectl's line that says where it listens."""
    assert proxy.stdout is not None
    deadline = time.monotonic() + PATIENCE
    while b"Starting to serve" not in (line := proxy.stdout.readline()):
        if not line or time.monotonic() > deadline:
            raise Broken("kubectl proxy does not listen")


def _create_claim(cluster: Cluster, name: str, path: Path) -> None:
    same: dict[str, Any] = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        **same,
        "capacity": {"storage": "1Gi"},
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(path)},
        "claimRef": {"namespace": NAMESPACE, "name": name},
    }
    claim = {**same, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name}
    for place, kind, spec in (
        (_VOLUMES, "PersistentVolume", volume),
        (_CLAIMS, "PersistentVolumeClaim", claim),
    ):
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        status, answer = cluster.ask("POST", place, body)
        if status != 201:
            raise Broken(f"{kind} {name}: {answer}")


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "relay",
        "clusters": [{"name": "relay", "cluster": {"server": server}}],
        "users": [{"name": "relay", "user": {}}],
        "contexts": [{"name": "relay", "context": {"cluster": "relay", "user": "relay"}}],
    }
