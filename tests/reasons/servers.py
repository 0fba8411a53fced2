"""A live server on each engine, and a registry that the engine reaches, for the suite of reasons."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.engines import swarm_url
from support.kubernetes import CLAIM, NAMESPACE, kubernetes_harness
from support.live import Api, LiveServer
from support.namespace import listener_pid, make_in
from support.serving import serve

from reasons.bad_registry import BadRegistry

WITH_PIDS = ("process", "docker", "podman", "swarm")  # that have the option
PIDS = 40


@dataclass(frozen=True)
class Site:
    """A service with an engine, and a registry that fails by the name of the repository, which the engine reaches.

    remove: deletes a job while the next ones run, for a kubelet takes half a minute for a pod.
    """

    engine: str
    api: Api
    registry: BadRegistry
    remove: Callable[[str], None]


@contextmanager
def site_with(engine: str) -> Iterator[Site]:
    """A site; skips where the engine does not answer, and fails in CI. All jobs are deleted at the end."""
    answers = []
    with server_on(engine) as server, registry_of(engine) as registry:
        api = Api(server.url)
        with ThreadPoolExecutor(16) as pool:
            yield Site(engine, api, registry, lambda jid: answers.append(pool.submit(api.delete, f"jobs/{jid}/")))
        assert {answer.result().status_code for answer in answers} <= {204, 404}


@contextmanager
def server_on(engine: str) -> Iterator[LiveServer]:
    """A server that takes zips, with an engine; skips where the engine does not answer, and fails in CI."""
    if engine != "kubernetes":
        own = {"PFCON_PIDS_LIMIT": str(PIDS)} if engine in WITH_PIDS else {}
        with serve(engine, "zipfile", **own) as server:
            yield server
        return
    with tempfile.TemporaryDirectory(prefix="pfcon-reasons-", ignore_cleanup_errors=True) as name:
        harness = kubernetes_harness(engine, Path(name))
        cluster = {"JOB_NAMESPACE": NAMESPACE, "VOLUME_NAME": CLAIM, "KUBECONFIG": harness.kubeconfig}
        kind = {"CONTAINER_ENV": "kubernetes", "COMPUTE_VOLUME_TYPE": "kubernetes_pvc"}
        try:
            with LiveServer(harness.storebase.root, {**kind, **cluster}) as server:
                yield server
        finally:
            harness.close()


def registry_of(engine: str) -> BadRegistry:
    """The registry. The tests' Swarm has a network of its own."""
    if engine != "swarm":
        return BadRegistry()
    return make_in(listener_pid(swarm_url().removeprefix("unix://")), BadRegistry)
