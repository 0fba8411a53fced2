"""What somebody else than pfcon does to a job: kills its processes, or what keeps it."""

import contextlib
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import psutil
import pytest

from pfcon.compute.docker.args import container_name
from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.swarm.args import NAME_LABEL
from pfcon.models import JobSpec

from .compute import Harness
from .engines import api_client, docker_url, podman_rootless_url, podman_url, swarm_url
from .kubernetes import NAMESPACE, KubernetesHarness
from .waiting import eventually

CONTAINERS = {"docker": docker_url, "podman": podman_url, "podman-rootless": podman_rootless_url}
SCRIPTS = ("/slurm_script", "/slurm/startup")  # as slurmd calls a job's batch script, also in its own container


def start_lasting(compute: Harness, script: str = "", **overrides: Any) -> JobSpec:
    """A job that runs until it is ended; the last word of its command is its own."""
    word = f"lasting-{uuid.uuid4().hex}"
    spec = compute.shell(f'{script}echo x >"$1"/begun; while :; do sleep 0.1; done', word, **overrides)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "begun").exists)
    return spec


def kill_outside(compute: Harness, spec: JobSpec, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the processes of a job of ``start_lasting``, by the engine's own means where it has some."""
    if compute.name in CONTAINERS:
        with api_client(CONTAINERS[compute.name]()) as client:
            client.kill(container_name(spec.name), number.value)
    elif compute.name == "swarm":
        with api_client(swarm_url()) as client:
            (task,) = client.containers(filters={"label": f"{NAME_LABEL}={spec.name}"})
            client.kill(task["Id"], number.value)
    else:
        processes = processes_of(spec)
        if not processes and compute.name == "kubernetes":
            pytest.skip("the cluster runs jobs on another machine")
        assert processes
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


def end_keeper(compute: Harness, spec: JobSpec) -> None:
    """End what keeps a job of ``start_lasting``: its supervisor, its pod, its batch script."""
    if isinstance(compute, KubernetesHarness):
        (pod,) = compute.cluster.pods(spec.name)
        name = pod["metadata"]["name"]
        status, answer = compute.cluster.ask("DELETE", f"api/v1/namespaces/{NAMESPACE}/pods/{name}")
        assert status in (200, 202), answer
    elif isinstance(compute.engine, SlurmEngine):  # to its controller, that signal would be a person's scancel
        above = [parent for process in processes_of(spec) for parent in psutil.Process(process).parents()]
        scripts = {parent.pid for parent in above if " ".join(parent.cmdline()).endswith(SCRIPTS)}
        assert scripts
        for script in scripts:
            os.kill(script, signal.SIGKILL)
    elif compute.name == "process":
        (process,) = processes_of(spec)
        os.kill(psutil.Process(process).ppid(), signal.SIGKILL)
    else:
        pytest.skip(f"on {compute.name}, the engine itself keeps its jobs")


def processes_of(spec: JobSpec) -> list[int]:
    """Those of this machine that have the job's own word in their command."""
    word, found = spec.argv[-1].encode(), []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended while we looked
            if word in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
