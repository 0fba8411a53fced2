"""Builds the manifest of a Kubernetes Job. Pure."""

import re
from pathlib import PurePosixPath
from typing import Any

from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.store_mark import HERE
from pfcon.compute.workers import WORKER, WORKERS, own_env, worker_env
from pfcon.errors import Refused
from pfcon.models import JobSpec, Mount, Resources, Secret, User
from pfcon.units import MIB, MINUTE

JOB_TYPE_LABEL = "chrisproject.org/job-type"
SERVICE_LABEL = "chrisproject.org/pfcon-service"  # a label: people select by it
REQUEST_ID_LABEL = "chrisproject.org/request-id"  # of the HTTP request that has made the job; in pfcon's log, too
REQUEST_ANNOTATION = "chrisproject.org/pfcon-request"
TIME_LIMIT_ANNOTATION = "chrisproject.org/pfcon-time-limit"  # of pods; in minutes
PODS_ANNOTATION = "chrisproject.org/pfcon-pods"  # uids of a job's pods, if the server may create others
CONTAINER = "job"
SECRET_PREFIX = "pfcon-"  # noqa: S105 - of the names of Secrets: a storage's is pfcon-<storage>

MIN_DEADLINE = 1  # second; the shortest deadline that Kubernetes accepts
KEPT = 24 * 3600  # seconds that Kubernetes keeps an ended job

_NAME_LENGTH = 63
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_STOREBASE, _SHM = "storebase", "shm"
_INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"  # "Downward API"; of an Indexed Job's pod
_MARK = "/.pfcon"
MARK_MOUNT = f"{_MARK}/{HERE}"


def require_possible(spec: JobSpec, options: KubernetesSettings) -> None:
    """Raise Refused for a job that Kubernetes can't run.

    A Job's name is a label of its pods, and with several workers ``<name>-<index>`` is a host name: Kubernetes,
    "Object Names and IDs" and "Jobs".
    """
    workers = spec.resources.workers
    room = _NAME_LENGTH - (len(f"-{workers - 1}") if workers > 1 else 0)
    if not _NAME.fullmatch(spec.name) or len(spec.name) > room:
        raise Refused(
            f"jid: Kubernetes can't name a job {spec.name!r}: a name has at most {room} lower-case letters, digits "
            "and '-', and begins and ends with a letter or digit"
        )
    if workers < 1:
        raise Refused(f"number_of_workers: a job has at least one worker, not {workers}")
    if not spec.argv or not spec.argv[0]:
        raise Refused("the command is empty")
    limit = spec.resources.time_limit
    if limit is not None and limit >= options.deadline:
        raise Refused(
            f"time_limit: {limit} minutes must be less than the {options.deadline} after which Kubernetes ends every "
            "job (KUBERNETES_DEADLINE_MINUTES)"
        )


def job_manifest(
    spec: JobSpec,
    volume: dict[str, Any],
    options: KubernetesSettings,
    grace: int,
    mark: PurePosixPath | None = None,
    *,
    minute: float = MINUTE,
) -> dict[str, Any]:
    """Return the body for creating a job (Kubernetes API reference, Job v1 batch).

    volume: see ``storebase_volume``. grace: seconds between SIGTERM and SIGKILL. mark: of a StoreMark, which the volume
    must contain. minute: the length of a minute of time limits, in seconds.

    A secret of the job is a Secret that the site has created; it is mounted by reference, so that this service needs no
    permission to read or write Secrets.
    """
    found = {JOB_TYPE_LABEL: spec.kind.value, SERVICE_LABEL: spec.service, REQUEST_ID_LABEL: spec.request_id}
    own = {name: value for name, value in found.items() if value}
    labels = {**dict(spec.labels), **own}
    workers, limit = spec.resources.workers, spec.resources.time_limit
    pod = _marked(_pod(spec, volume, options, grace), mark)
    metadata: dict[str, Any] = {"labels": labels}
    if limit is not None:  # of the pod, which is kept with its log; the Job's deadline would delete it
        pod["activeDeadlineSeconds"] = max(MIN_DEADLINE + 1, round(limit * minute))
        metadata["annotations"] = {TIME_LIMIT_ANNOTATION: str(limit)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": spec.name,
            "namespace": options.namespace,
            "labels": labels,
            "annotations": {REQUEST_ANNOTATION: spec.request, PODS_ANNOTATION: ""},
        },
        "spec": {
            "backoffLimit": 0,
            # A worker never gets a second pod: a pod that the cluster ends, as in a drain, ends the job. A deleted pod
            # counts once it has ended, because this implies podReplacementPolicy: Failed (Job v1 batch; "Pod failure
            # policy"). Servers before 1.26 ignore the field.
            "podFailurePolicy": {
                "rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "activeDeadlineSeconds": round(options.deadline * 60),
            "ttlSecondsAfterFinished": KEPT,
            "parallelism": workers,
            "completions": workers,
            # Workers get their number in JOB_COMPLETION_INDEX. Servers before 1.21 ignore the field.
            **({"completionMode": "Indexed"} if workers > 1 else {}),
            "template": {"metadata": metadata, "spec": pod},
        },
    }


def _pod(spec: JobSpec, volume: dict[str, Any], options: KubernetesSettings, grace: int) -> dict[str, Any]:
    """Return the pod of a worker.

    Its first process is the pod's own, which reaps orphans; as first process, the command would ignore signals to
    itself: "Share Process Namespace between Containers in a Pod". A pod has one container; if a cluster adds another
    to all pods (a sidecar), the job and that container can see each other's processes.
    """
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": grace,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**_user(spec.user), "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(spec, options.gpu_resource)],
        "volumes": _volumes(spec, volume),
    }
    if options.node_selector:
        pod["nodeSelector"] = dict(options.node_selector)
    if options.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in options.image_pull_secrets]
    return pod


def _marked(pod: dict[str, Any], mark: PurePosixPath | None) -> dict[str, Any]:
    """Return a pod whose container can be created only if the volume of storeBase contains the mark.

    Kubelets create a missing subPath. In an empty, read-only mount there is no mount point for another mount (runc;
    crun creates the mount point before it makes the mount read-only).
    """
    if mark is not None:
        mounts: list[dict[str, Any]] = pod["containers"][0]["volumeMounts"]
        mounts.append({"name": _STOREBASE, "mountPath": _MARK, "readOnly": True, "subPath": str(mark)})
        mounts.append({"name": "mark", "mountPath": MARK_MOUNT})
        pod["volumes"].append({"name": "mark", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    return pod


def _container(spec: JobSpec, gpu_resource: str) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",  # also for :latest, as with every other engine
        "command": [_escape(spec.argv[0])],
        "args": [_escape(word) for word in spec.argv[1:]],
        "env": _env(spec),
        "resources": _resources(spec.resources, gpu_resource),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        # The message of a failed container is the end of its log: a runtime writes there that a command can't be run.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *(_mount(mount) for mount in spec.mounts),
            *(_secret_mount(secret) for secret in spec.secrets),
            *([{"name": _SHM, "mountPath": "/dev/shm"}] if spec.resources.shm else []),  # noqa: S108 - the device
        ],
    }


def _env(spec: JobSpec) -> list[dict[str, Any]]:
    """Return the variables of a worker. The pods of several workers have the same template: the number of each is an
    annotation, from which the server makes JOB_COMPLETION_INDEX itself. Before 1.21 there is none: it is empty.
    """
    several = spec.resources.workers > 1
    variables = dict(own_env(spec) if several else worker_env(spec, 0))
    env: list[dict[str, Any]] = [{"name": key, "value": _escape(value)} for key, value in variables.items()]
    if several:
        env.append({"name": WORKER, "valueFrom": {"fieldRef": {"fieldPath": _INDEX}}})
        env.append({"name": WORKERS, "value": str(spec.resources.workers)})
    return env


def _escape(text: str) -> str:
    """Escape a text so that Kubernetes' expansion of ``$(NAME)`` and ``$$`` returns the text itself."""
    return text.replace("$", "$$")


def argv_of(job: dict[str, Any]) -> tuple[str, ...]:
    """Return the command of a Job that was created with ``job_manifest``."""
    container = container_of(job)
    words = (*(container.get("command") or ()), *(container.get("args") or ()))
    return tuple(word.replace("$$", "$") for word in words)


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    """Return the container of a Job's pods; empty if it is missing."""
    containers: list[dict[str, Any]] = job["spec"]["template"]["spec"].get("containers") or [{}]
    return containers[0]


def memory_limit(job: dict[str, Any]) -> int:
    """Return a Job's memory limit in bytes; 0 for none. The server returns it as it was sent. Raises ValueError."""
    text = str(((container_of(job).get("resources") or {}).get("limits") or {}).get("memory", ""))
    return int(text.removesuffix("Mi")) * MIB if text else 0


def _user(user: User | None) -> dict[str, Any]:
    """Return the security context. The group of volumes is checked only at their root: storeBase has too many files."""
    context: dict[str, Any] = {}
    if user is not None and user.uid is not None:
        context["runAsUser"] = user.uid
    if user is not None and user.gid is not None:
        context |= {"runAsGroup": user.gid, "fsGroup": user.gid, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def _resources(resources: Resources, gpu_resource: str) -> dict[str, Any]:
    """Return limits, and requests equal to them, so that the node has what the job may use.

    Used memory can't be reclaimed, so with smaller requests a node may run out of memory. The cpu could be shared, but
    if both are equal, a pod is Guaranteed: it is evicted last ("Pod Quality of Service Classes").
    """
    limits: dict[str, str] = {}
    if resources.cpu is not None:
        limits["cpu"] = f"{resources.cpu}m"
    if resources.memory is not None:
        limits["memory"] = f"{resources.memory}Mi"
    if resources.gpus:
        limits[gpu_resource] = str(resources.gpus)
    return {"limits": limits, "requests": dict(limits)} if limits else {}


def _mount(mount: Mount) -> dict[str, Any]:
    found = {"name": _STOREBASE, "mountPath": str(mount.target), "readOnly": mount.read_only}
    return found if mount.source.parts == () else {**found, "subPath": str(mount.source)}


def _secret_mount(secret: Secret) -> dict[str, Any]:
    return {"name": f"secret-{secret.name}", "mountPath": str(secret.target), "readOnly": True}


def _secret_volume(secret: Secret) -> dict[str, Any]:
    """Return the volume of a secret. Its files are readable by all users of the pod, which runs only the operation.

    Optional: a kubelet would wait forever for a missing Secret; the operation fails with a message instead.
    """
    source = {"secretName": f"{SECRET_PREFIX}{secret.name}", "defaultMode": 0o444, "optional": True}
    return {"name": f"secret-{secret.name}", "secret": source}


def _volumes(spec: JobSpec, volume: dict[str, Any]) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [{"name": _STOREBASE, **volume}]
    volumes += [_secret_volume(secret) for secret in spec.secrets]
    if spec.resources.shm:
        volumes.append({"name": _SHM, "emptyDir": {"medium": "Memory", "sizeLimit": f"{spec.resources.shm}Mi"}})
    return volumes
