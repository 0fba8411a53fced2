"""Builds the specification of a job's Swarm service, and the one that ends it. Pure."""

import copy
import hashlib
import re
from pathlib import PurePosixPath
from typing import Any

from pfcon.compute.base import all_mounts
from pfcon.compute.docker_api.job import bind_mount, labels, require_runnable, user_text
from pfcon.compute.workers import WORKERS, number_variables, own_env, require_workers, worker_env
from pfcon.models import JobSpec, Mount, Resources
from pfcon.units import NANO_PER_SECOND, mib_to_bytes, millicores_to_nanocpus

NAME_LABEL = "org.chrisproject.pfcon.name"
"""The job's name; the service's name may differ, see ``service_name``."""
END_LABEL = "org.chrisproject.pfcon.end"
"""Why pfcon has ended the job."""
NODE_LABEL = "node.labels."
"""The beginning of a placement constraint on a label of nodes."""
NOWHERE = "node.id==pfcon-ended"
"""A placement constraint that no node meets."""

# Swarm requires a DNS label, with underscores; two names must not differ only in case.
_PLAIN_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_MAX_NAME = 63
_DIGEST = 16  # characters
_DIGESTED = re.compile(rf".*-[0-9a-f]{{{_DIGEST}}}")


def service_name(name: str) -> str:
    """Return the name of a job's service: the job's name if Swarm accepts it, else its beginning and a digest.

    A job's name that looks like one with a digest gets a digest, too, so that service names are unique.
    """
    if _PLAIN_NAME.fullmatch(name) and not _DIGESTED.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    begin = re.sub(r"[^a-z0-9]+", "-", name.lower())[: _MAX_NAME - _DIGEST - 1].strip("-")
    return f"{begin}-{digest}"


def require_possible(spec: JobSpec) -> None:
    """Raise Refused for a job that a Swarm can't run."""
    require_workers(spec)
    require_runnable(spec)


def service_spec(
    spec: JobSpec,
    root: PurePosixPath,
    *,
    stop_grace: int,
    image_user: str = "",
    gpu_kind: str = "",
    node_selector: tuple[tuple[str, str], ...] = (),
) -> dict[str, Any]:
    """Return the body of ``POST /services/create`` (Docker Engine API reference, ServiceSpec).

    root: the path of storeBase on the nodes. stop_grace: seconds between SIGTERM and SIGKILL. image_user: as in
    ``docker_api.job.user_text``. gpu_kind: the nodes' name for their GPUs, for a job that needs some. node_selector:
    labels of the nodes that may run it.
    """
    return {
        "Name": service_name(spec.name),
        "Labels": {**labels(spec), NAME_LABEL: spec.name},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": spec.image,
                "Command": [spec.argv[0]],
                "Args": list(spec.argv[1:]),
                "Env": _env(spec),
                "User": user_text(spec.user, image_user),
                "Labels": {**labels(spec), NAME_LABEL: spec.name},
                "Mounts": _mounts(spec, root),
                "Init": True,
                "StopGracePeriod": stop_grace * NANO_PER_SECOND,
                "CapabilityDrop": ["ALL"],
                "Privileges": {"NoNewPrivileges": True},  # of API 1.44; older engines ignore it
            },
            "Resources": _resources(spec.resources, gpu_kind),
            # Never restarted, so the attempts mean nothing, but for them Swarm keeps an ended task in its history
            # whatever the cluster's task-history-limit is.
            "RestartPolicy": {"Condition": "none", "MaxAttempts": 1},
            **_placement(node_selector),
        },
        "Mode": {"Replicated": {"Replicas": spec.resources.workers}},
        # For ``ended_spec``: all tasks are stopped at the same time.
        "UpdateConfig": {"Parallelism": 0, "Order": "stop-first", "FailureAction": "continue"},
    }


def ended_spec(spec: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return a service's specification, changed so that its tasks are stopped but kept.

    Swarm stops tasks whose template has changed and keeps them as history, with their logs (it deletes those of a
    service that is scaled to zero). No node meets the placement constraint of the tasks that replace them.
    """
    changed = copy.deepcopy(spec)
    changed["Labels"][END_LABEL] = reason
    changed["TaskTemplate"]["Placement"] = {"Constraints": [NOWHERE]}
    return changed


def _env(spec: JobSpec) -> list[str]:
    """Return the variables of all workers. Swarm numbers a service's tasks from 1: Task.Slot of its templates."""
    workers = spec.resources.workers
    if workers == 1:
        return [_literal(f"{key}={value}") for key, value in worker_env(spec, 0)]
    number = "".join(f'{{{{if eq .Task.Slot "{slot}"}}}}{slot - 1}{{{{end}}}}' for slot in range(1, workers + 1))
    own = [_literal(f"{key}={value}") for key, value in own_env(spec)]
    return [*own, *(f"{name}={number}" for name in number_variables(spec)), f"{WORKERS}={workers}"]


def _placement(node_selector: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    constraints = [f"{NODE_LABEL}{key}=={value}" for key, value in node_selector]
    return {"Placement": {"Constraints": constraints}} if constraints else {}


def _literal(text: str) -> str:
    """Escape a text so that Swarm's templates (Go's text/template) return the text itself."""
    return text.replace("{{", '{{"{{"}}')


def _mounts(spec: JobSpec, root: PurePosixPath) -> list[dict[str, Any]]:
    mounts = [_bind(root, mount) for mount in all_mounts(spec)]
    if spec.resources.shm is not None:  # Swarm has no option for it
        size = mib_to_bytes(spec.resources.shm)
        options = {"SizeBytes": size, "Mode": 0o1777}
        mounts.append({"Type": "tmpfs", "Target": "/dev/shm", "TmpfsOptions": options})  # noqa: S108 - in the container
    return mounts


def _bind(root: PurePosixPath, mount: Mount) -> dict[str, Any]:
    made = bind_mount(root, mount)
    return {**made, "Source": _literal(made["Source"]), "Target": _literal(made["Target"])}


def _resources(resources: Resources, gpu_kind: str) -> dict[str, Any]:
    """Return limits, and equal reservations, so that Swarm chooses a node that has the resources."""
    limits: dict[str, Any] = {}
    if resources.cpu is not None:
        limits["NanoCPUs"] = millicores_to_nanocpus(resources.cpu)
    if resources.memory is not None:
        limits["MemoryBytes"] = mib_to_bytes(resources.memory)
    reservations = dict(limits)
    if resources.pids is not None:
        limits["Pids"] = resources.pids
    if resources.gpus:
        wanted = {"Kind": gpu_kind, "Value": resources.gpus}
        reservations["GenericResources"] = [{"DiscreteResourceSpec": wanted}]
    return {"Limits": limits, "Reservations": reservations}
