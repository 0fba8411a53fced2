"""What somebody else than pfcon does to a job: kills its processes, or what keeps it."""

import os
import signal

import psutil

from pfcon.compute.docker.spec import container_name
from pfcon.compute.swarm.spec import NAME_LABEL
from pfcon.models import JobSpec
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import eventually

from .engines import api_client


def kill_container(url: str, spec: JobSpec, number: signal.Signals) -> None:
    """Have a Docker engine send a signal to a job's container."""
    with api_client(url) as client:
        client.kill(container_name(spec.name), number.value)


def kill_task(url: str, spec: JobSpec, number: signal.Signals) -> None:
    """Have the node of a Swarm send a signal to the container of a job's task."""
    with api_client(url) as client:
        filters = {"label": f"{NAME_LABEL}={spec.name}"}
        assert eventually(lambda: client.containers(filters=filters))  # it is listed a moment after its command begins
        (task,) = client.containers(filters=filters)
        client.kill(task["Id"], number.value)


def end_supervisor(spec: JobSpec) -> None:
    """Kill the process engine's supervisor of a job of ``start_lasting``."""
    (process,) = processes_of(spec)
    os.kill(psutil.Process(process).ppid(), signal.SIGKILL)
