"""Objects of somebody else's on an engine that have the name of a job of ours, made without pfcon."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from docker.types import ContainerSpec, TaskTemplate

from pfcon.compute.docker.args import container_name
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.compute.kubernetes.manifest import JOB_TYPE_LABEL as KUBERNETES_LABEL
from pfcon.compute.kubernetes.manifest import REQUEST_ANNOTATION
from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.slurm.submit import COMMENT
from pfcon.compute.swarm.args import NAME_LABEL, service_name

from .compute import Harness
from .engines import IMAGE, api_client, docker_url, podman_rootless_url, podman_url, swarm_url
from .kubernetes import NAMESPACE, KubernetesHarness
from .slurm import slurm_command

FORGED = f"{'a' * 64}.{'b' * 32}.{'c' * 40}"  # as a request of ours looks
CONTAINERS = {"docker": docker_url, "podman": podman_url, "podman-rootless": podman_rootless_url}
COMMAND = ["sleep", "600"]

Untouched = Callable[[], bool]


@contextlib.contextmanager
def foreign_job(compute: Harness, name: str, *, forged: bool) -> Iterator[Untouched]:
    """Somebody else's, with our labels where it is ``forged``; gives a function that tells whether it is as it was.

    Skips the test on engines where only pfcon makes names.
    """
    if compute.name in CONTAINERS:
        made = _container(CONTAINERS[compute.name](), name, forged=forged)
    elif compute.name == "swarm":
        made = _service(name, forged=forged)
    elif isinstance(compute, KubernetesHarness):
        made = _job(compute, name, forged=forged)
    elif isinstance(compute.engine, SlurmEngine):
        made = _batch(compute.engine, name)
    else:
        pytest.skip(f"on {compute.name}, names are directories of pfcon's own")
    with made as untouched:
        yield untouched


def _labels(*, forged: bool) -> dict[str, str]:
    return {JOB_TYPE_LABEL: "plugin", REQUEST_LABEL: FORGED} if forged else {"somebody": "else"}


@contextlib.contextmanager
def _container(url: str, name: str, *, forged: bool) -> Iterator[Untouched]:
    with contextlib.closing(api_client(url)) as client:
        labels = _labels(forged=forged)
        made = client.create_container(IMAGE, COMMAND, name=container_name(name), labels=labels)["Id"]
        try:
            client.start(made)
            yield lambda: bool(client.inspect_container(made)["State"]["Running"])
        finally:
            client.remove_container(made, force=True)


@contextlib.contextmanager
def _service(name: str, *, forged: bool) -> Iterator[Untouched]:
    with contextlib.closing(api_client(swarm_url())) as client:
        labels = _labels(forged=forged) | ({NAME_LABEL: name} if forged else {})
        template = TaskTemplate(ContainerSpec(IMAGE, COMMAND, labels=labels))
        made = client.create_service(template, name=service_name(name), labels=labels)["ID"]
        before = client.inspect_service(made)["Spec"]
        try:
            yield lambda: bool(client.inspect_service(made)["Spec"] == before)
        finally:
            client.remove_service(made)


@contextlib.contextmanager
def _job(compute: KubernetesHarness, name: str, *, forged: bool) -> Iterator[Untouched]:
    place = f"apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    metadata: dict[str, Any] = {"name": name, "labels": {"somebody": "else"}}
    if forged:
        metadata = {"name": name, "labels": {KUBERNETES_LABEL: "plugin"}, "annotations": {REQUEST_ANNOTATION: FORGED}}
    container = {"name": "job", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": COMMAND}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": {"metadata": {}, "spec": pod}},
    }
    status, made = compute.cluster.ask("POST", place, body)
    assert status == 201, made

    def untouched() -> bool:
        found = compute.cluster.job(name)
        same = all(found["metadata"].get(key) == made["metadata"].get(key) for key in ("uid", "deletionTimestamp"))
        return same and found["spec"] == made["spec"] and _notes(found) == _notes(made)

    try:
        yield untouched
    finally:
        compute.begin_removal(name)


def _notes(job: dict[str, Any]) -> set[str]:
    """The annotations that are not Kubernetes' own."""
    return {key for key in job["metadata"].get("annotations") or {} if "kubernetes.io/" not in key}


@contextlib.contextmanager
def _batch(engine: SlurmEngine, name: str) -> Iterator[Untouched]:
    """By the same user, whom alone pfcon asks Slurm about, with a comment of our form."""
    conf = next(word for word in engine._settings.prefix if word.startswith("SLURM_CONF=")).partition("=")[2]
    comment = f"--comment={COMMENT}{uuid.uuid4().hex}"
    words = ["sbatch", "--parsable", f"--job-name={name}", comment, "--output=/dev/null", "--chdir=/", "--hold"]
    number = slurm_command(conf, *words, "--wrap=sleep 600").strip().partition(";")[0]
    try:
        yield lambda: slurm_command(conf, "squeue", "--noheader", "--jobs", number, "--format=%T").strip() == "PENDING"
    finally:
        slurm_command(conf, "scancel", number)
