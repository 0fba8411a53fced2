"""pfcon as a Deployment from kubernetes/, on the one-node cluster of tests/engines/kubernetes.sh."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import pytest

from pfcon.testing.waiting import PATIENCE, eventually

from .engines import kubectl, kubernetes_cluster, op_image
from .live import USER, is_healthy
from .ports import free_port

MANIFESTS = Path(__file__).parents[2] / "kubernetes"
OWNER = 1001  # of storeBase: whom the service and its jobs run as
NODE = "localhost"  # its name; it is this machine

# What that cluster lacks: a network of pods, and a route to the API server's address in it. Everything else is as
# sites have it; who pfcon is there remains the account of its own pod.
NETWORK = """
  - target: {{kind: Deployment, name: pfcon}}
    patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: {{name: pfcon}}
      spec:
        template:
          spec:
            hostNetwork: true
            containers:
              - name: pfcon
                env:
                  - {{name: PFCON_BIND, value: "127.0.0.1:{port}"}}
                  - {{name: KUBERNETES_SERVICE_HOST, value: {host}}}
                  - {{name: KUBERNETES_SERVICE_PORT, value: "{api}"}}
                ports:
                  - {{name: http, containerPort: 5005, $patch: delete}}
                  - {{name: http, containerPort: {port}}}
                startupProbe: {{httpGet: {{host: 127.0.0.1}}}}
                readinessProbe: {{httpGet: {{host: 127.0.0.1}}}}
                livenessProbe: {{httpGet: {{host: 127.0.0.1}}}}
"""
SITE = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {name}
resources: [../production]
components: [{components}]
patches:
  - target: {{kind: PersistentVolume, name: pfcon-storebase}}
    options: {{allowNameChange: true}}
    patch: |
      - {{op: replace, path: /metadata/name, value: {name}}}
      - {{op: replace, path: /spec/hostPath/path, value: {storebase}}}
  - target: {{kind: PersistentVolumeClaim, name: pfcon-storebase}}
    patch: |
      - {{op: replace, path: /spec/volumeName, value: {name}}}
{network}"""


class Kubectl:
    """kubectl at the tests' cluster; skips or fails the test where there is none whose one node is this machine.

    program, kubeconfig: their paths.
    """

    def __init__(self) -> None:
        self.program, (self.kubeconfig, _) = kubectl(), kubernetes_cluster()
        if NODE not in self("get", "nodes", "-o", "name"):
            pytest.skip("pods of that cluster can't be reached by this test; tests/engines/kubernetes.sh starts one")

    def call(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it; no exception when it fails."""
        options = (f"--kubeconfig={self.kubeconfig}", f"--request-timeout={PATIENCE:g}s")
        command = [self.program, *options, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    def __call__(self, *words: str | Path) -> str:
        """What it prints; fails the test when it fails."""
        done = self.call(*words)
        assert done.returncode == 0, f"kubectl {' '.join(map(str, words))}: {done.stderr}"
        return done.stdout

    @property
    def server(self) -> str:
        """The URL of the API server."""
        config = json.loads(self("config", "view", "--minify", "-o", "json"))
        return str(config["clusters"][0]["cluster"]["server"])


class Deployment:
    """pfcon of the production overlay in a namespace of its own; a context manager that removes all of it.

    components: names of directories of kubernetes/components.
    """

    def __init__(self, *components: str) -> None:
        op_image("kubernetes")
        self.kubectl = Kubectl()
        self.name = f"pfcon-test-{uuid.uuid4().hex[:8]}"  # of the namespace and of the volume
        self.account = f"system:serviceaccount:{self.name}:pfcon"
        self.password = secrets.token_hex(16)
        self._components = ("host-path", *components)
        self._port = free_port()
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Base of all resources."""
        return f"http://127.0.0.1:{self._port}/api/v1/"

    def __enter__(self) -> "Deployment":
        made = tempfile.TemporaryDirectory(prefix="pfcon-deployment-", ignore_cleanup_errors=True)
        self._root = Path(self._stack.enter_context(made))
        self._root.chmod(0o755)
        self.storebase = self._root / "storeBase"
        self.storebase.mkdir()
        os.chown(self.storebase, OWNER, OWNER)
        self._stack.callback(self._remove)
        try:
            self.kubectl("create", "namespace", self.name)
            self.kubectl("apply", "-k", self._site())
            self._await_answer()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print(f"--- the service printed\n{self.log()}")  # pytest shows it with a failure
        self._stack.close()

    def may(self, verb: str, resource: str, namespace: str = "") -> bool:
        """Whether the service's account may do that; in its own namespace if no other is named."""
        where = ("-n", namespace or self.name)
        told = self.kubectl.call("auth", "can-i", verb, resource, f"--as={self.account}", *where).stdout.strip()
        assert told in ("yes", "no")
        return told == "yes"

    def log(self) -> str:
        """The end of what the service printed."""
        return self.kubectl.call("-n", self.name, "logs", "deployment/pfcon", "--tail=80").stdout

    def _site(self) -> Path:
        """A site's own overlay, beside a production overlay with the secrets that its comments ask for."""
        copy = Path(shutil.copytree(MANIFESTS, self._root / "kubernetes"))
        secret = f"SECRET_KEY={secrets.token_hex(32)}\nPFCON_USER={USER}\nPFCON_PASSWORD={self.password}\n"
        (copy / "overlays/production/pfcon.env").write_text(secret)
        server = urlsplit(self.kubectl.server)
        site = copy / "overlays/site/kustomization.yaml"
        site.parent.mkdir()
        site.write_text(
            SITE.format(
                name=self.name,
                storebase=self.storebase,
                components=", ".join(f"../../components/{name}" for name in self._components),
                network=NETWORK.format(port=self._port, host=server.hostname, api=server.port).strip("\n"),
            )
        )
        return site.parent

    def _await_answer(self) -> None:
        """Wait until the rollout is done, which is when the readiness probe says so."""
        done = self.kubectl.call("-n", self.name, "rollout", "status", "deployment/pfcon", f"--timeout={PATIENCE:g}s")
        if done.returncode != 0:
            pods = self.kubectl.call("-n", self.name, "describe", "pods").stdout
            pytest.fail(f"{done.stderr}\n{pods[-4000:]}\n{self.log()}", pytrace=False)
        assert eventually(lambda: is_healthy(self.url)), self.log()

    def _remove(self) -> None:
        """End the service, and begin to remove the rest: an old kubelet takes minutes to let go of ended pods."""
        steps = (
            ("-n", self.name, "delete", "deployment", "pfcon", "--cascade=foreground", "--timeout=240s"),
            ("delete", "namespace", self.name, "--wait=false"),
            ("delete", "persistentvolume", self.name, "--wait=false"),
        )
        failed = [
            done.stderr for words in steps if (done := self.kubectl.call(*words, "--ignore-not-found")).returncode
        ]
        assert not failed, failed
