"""A connection to an API server, from kubectl's configuration, or from the pod in which pfcon runs."""

import os
from pathlib import Path

from kubernetes import client, config
from urllib3 import PoolManager

from pfcon.errors import Unreachable

TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")  # of the account that a pod runs as

_CONNECTIONS = 64  # idle connections that are kept; more are opened if more threads need them


class Connection:
    """The address of an API server, a pool of connections to it, and this service's identity.

    Only this part of the official client is used. Its models and methods differ between the releases 36 and 37, release
    36 corrupts logs, and both validate and change manifests; with JSON, all releases behave the same.
    """

    def __init__(self, kubeconfig: str | None, in_pod: Path = TOKEN) -> None:
        """``kubeconfig``: as in KUBECONFIG; None: the account of the pod in which this runs, or else ~/.kube/config.

        in_pod: a file that exists in a pod with an account.

        Raises Unreachable for a configuration that can't be used.
        """
        self._configuration = client.Configuration()
        try:
            if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ and in_pod.exists():
                config.load_incluster_config(client_configuration=self._configuration)
            else:
                config.load_kube_config(kubeconfig, client_configuration=self._configuration, persist_config=False)
        except Exception as fault:  # the loader passes on whatever YAML, files and login programs raise
            reason = " ".join(str(fault).split())
            raise Unreachable(f"there is no usable configuration of Kubernetes (KUBECONFIG): {reason}") from fault
        self._configuration.connection_pool_maxsize = _CONNECTIONS
        self.where: str = self._configuration.host.rstrip("/")
        self.pool: PoolManager = client.ApiClient(self._configuration).rest_client.pool_manager

    def identity(self) -> dict[str, str]:
        """Return the headers that authenticate this service. Renews a token that expires."""
        found = self._configuration.auth_settings().values()
        return {auth["key"]: auth["value"] for auth in found if auth["in"] == "header" and auth["value"]}
