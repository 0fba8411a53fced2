"""Parses the pods of a job. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pfcon.compute.interruption import Why, stopped, was_killed
from pfcon.compute.kubernetes.run import NO_RECORD, NOT_STARTED, is_lost, run_of
from pfcon.compute.kubernetes.spec import MARK_MOUNT, MIN_DEADLINE, TIME_LIMIT_ANNOTATION
from pfcon.compute.unreadable import labels_of, reading, utc
from pfcon.compute.words import plain, signal_name, start_failure, time_limit_message
from pfcon.models import RunDetails


class Stage(Enum):
    """The stage of a pod's life."""

    WAITING = "waiting"
    STUCK = "stuck"  # it can't start unless something outside of it changes
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the server's answer about it can't be read


@dataclass(frozen=True)
class Pod:
    """The state of a pod.

    message: why it is in this stage, for users. running: whether its container runs. scheduled: whether a node may be
    starting it, which the node reports a second later. terminating: whether it was asked to end. started: whether its
    container has run, so that it may have a log. deleted_at: when its deletion was requested, by the cluster or by a
    user. interrupted: whether it failed neither by itself nor because of a limit. reason: as in JobInfo. run: what is
    known of its run.
    """

    name: str
    uid: str
    created: str
    stage: Stage
    message: str = ""
    running: bool = False
    scheduled: bool = False
    terminating: bool = False
    started: bool = False
    finished_at: datetime | None = None
    deleted_at: datetime | None = None
    interrupted: bool = False
    reason: str = ""
    run: RunDetails = RunDetails()


# state.waiting.reason (Kubernetes source, pkg/kubelet/images/types.go and kuberuntime) of a pod that can't start now. A
# kubelet retries most of them, so the engine ends the job only after STUCK_GRACE.
_NO_IMAGE = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_NO_CONTAINER = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError"}
OTHER_CLAIM = "the claim that jobs mount (VOLUME_NAME) is not the storeBase that this service sees (STOREBASE_MOUNT)"
DELETED = "its pod was removed by the cluster or by a user, for example because its node was drained or lost"
_PREPARING = {"ContainerCreating", "PodInitializing"}

# status.reason of a pod that its node or the cluster has ended.
_ENDED_BY_CLUSTER = {
    "Evicted": "evicted by its node",
    "NodeLost": "its node was lost",
    "NodeShutdown": "its node was shut down",
    "Terminated": "its node was shut down",
    "Shutdown": "its node was shut down",
    "Preempting": "preempted by another pod",
    "NodeAffinity": "its node does not match its node selector",
    "UnexpectedAdmissionError": "its node did not admit it",
    "DeadlineExceeded": "it ran longer than its deadline",
}
_OUT_OF_RESOURCE = "OutOf"  # and a resource, as OutOfcpu: the kubelet has less than the scheduler had assumed
# An eviction because of the pod's own use (pkg/kubelet/eviction/helpers.go); others protect the node.
_OWN_LIMIT = re.compile(r"exceed(?:s|ed) .*\blimit\b")
_NO_CLAIM = re.compile(r"persistentvolumeclaim \"[^\"]*\" (?:not found|is being deleted)")


def look_at(pod: dict[str, Any], limit: str) -> Pod:
    """Parse a pod. limit: the job's memory limit, for messages; empty for none."""
    metadata = pod.get("metadata") or {}
    name, uid = (str(metadata.get(key) or "") for key in ("name", "uid"))
    return reading(
        f"Kubernetes' answer about pod {name}",
        lambda: _look_at(pod, limit),
        lambda message: Pod(name, uid, str(metadata.get("creationTimestamp") or ""), Stage.UNKNOWN, message),
    )


@dataclass(frozen=True)
class _Sight:
    """The parts of a pod object. now, ended: the container's state, and its final state if it has ended."""

    pod: dict[str, Any]
    limit: str

    @property
    def status(self) -> dict[str, Any]:
        return self.pod.get("status") or {}

    @property
    def phase(self) -> str:
        return str(self.status.get("phase") or "")

    @property
    def now(self) -> dict[str, Any]:
        container: dict[str, Any] = next(iter(self.status.get("containerStatuses") or []), {})
        return container.get("state") or {}

    @property
    def ended(self) -> dict[str, Any]:
        return self.now.get("terminated") or {}

    @property
    def runs(self) -> bool:
        return "running" in self.now


_Judged = tuple[Stage, Why]


def _succeeded(sight: _Sight) -> _Judged | None:
    well = sight.ended and sight.ended.get("exitCode") == 0 and sight.phase != "Failed"
    return (Stage.SUCCEEDED, Why("")) if sight.phase == "Succeeded" or well else None


def _failed(sight: _Sight) -> _Judged | None:
    return (Stage.FAILED, _end(sight)) if sight.phase == "Failed" or sight.ended else None


def _runs(sight: _Sight) -> _Judged | None:
    if not sight.runs:
        return None
    lost = sight.phase == "Unknown" or sight.status.get("reason") == "NodeLost"
    return Stage.RUNNING, Why("its node does not answer" if lost else "")


def _waits(sight: _Sight) -> _Judged:
    stage, message = _waiting(sight.status, sight.now.get("waiting") or {}, _image(sight.pod))
    return stage, Why(message)


_STAGES: tuple[Callable[[_Sight], _Judged | None], ...] = (
    _succeeded,
    _failed,
    _runs,
    _waits,
)  # the first result counts


def _look_at(pod: dict[str, Any], limit: str) -> Pod:
    sight = _Sight(pod, limit)
    stage, why = next(judged for rule in _STAGES if (judged := rule(sight)))
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        created=str(metadata.get("creationTimestamp") or ""),
        stage=stage,
        message=why.message,
        running=sight.runs,
        scheduled=stage is Stage.WAITING and bool(spec.get("nodeName")),
        terminating=bool(metadata.get("deletionTimestamp") or spec.get("activeDeadlineSeconds") == MIN_DEADLINE),
        started=bool(sight.ended) or sight.runs,
        finished_at=time_of(sight.ended.get("finishedAt")) if stage in (Stage.SUCCEEDED, Stage.FAILED) else None,
        deleted_at=_deleted_at(pod),
        interrupted=why.interrupted,
        reason=why.reason,
        run=run_of(pod),
    )


def _deleted_at(pod: dict[str, Any]) -> datetime | None:
    """Return when the deletion was requested: deletionTimestamp is the end of the grace."""
    until = time_of(pod["metadata"].get("deletionTimestamp"))
    return until and until - timedelta(seconds=int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))


def _waiting(status: dict[str, Any], waiting: dict[str, Any], image: str) -> tuple[Stage, str]:
    reason, text = str(waiting.get("reason") or ""), plain(str(waiting.get("message") or ""))
    if reason in _NO_IMAGE:
        return Stage.STUCK, f"image {image} can't be fetched: {text or reason}"
    if reason in _NO_CONTAINER and MARK_MOUNT in text:
        return Stage.STUCK, OTHER_CLAIM
    if reason in _NO_CONTAINER:
        return Stage.STUCK, f"its container can't be created: {text or reason}"
    if reason in _PREPARING:
        return Stage.WAITING, f"its node prepares it: volumes, then image {image}"
    if reason:
        return Stage.WAITING, f"{reason}: {text}" if text else reason
    return _unplaced(status)


def _unplaced(status: dict[str, Any]) -> tuple[Stage, str]:
    """Return stage and message of a pod without a node, from the scheduler's condition."""
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            text = plain(str(condition.get("message") or condition.get("reason") or "no reason given"))
            if missing := _NO_CLAIM.search(text):
                return Stage.STUCK, f"there is no such volume: {missing[0]}"
            return Stage.WAITING, f"no node can run it yet: {text}"
    return Stage.WAITING, "waiting for a node"


def _end(sight: _Sight) -> Why:
    """Return why a pod has failed."""
    return next(why for rule in _ENDS if (why := rule(sight)))


def _at_time_limit(sight: _Sight) -> Why | None:
    annotations = labels_of(sight.pod["metadata"], "annotations")
    minutes, deadline = annotations.get(TIME_LIMIT_ANNOTATION), sight.pod["spec"].get("activeDeadlineSeconds")
    if not minutes or deadline == MIN_DEADLINE or sight.status.get("reason") != "DeadlineExceeded":
        return None
    return stopped(time_limit_message(int(minutes)))


def _by_cluster(sight: _Sight) -> Why | None:
    reason, text = str(sight.status.get("reason") or ""), plain(str(sight.status.get("message") or ""))
    known = _ENDED_BY_CLUSTER.get(reason)
    if not known and (not reason or sight.ended):
        return None
    message = f"{known or reason}: {text}" if text else known or reason
    own = reason == "DeadlineExceeded" or (reason == "Evicted" and _OWN_LIMIT.search(text))
    return Why(message, interrupted=not own and bool(known or reason.startswith(_OUT_OF_RESOURCE)))


def _disrupted(sight: _Sight) -> Why | None:
    for condition in sight.status.get("conditions") or []:
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            reason = plain(str(condition.get("message") or condition.get("reason")))
            return Why(f"ended by the cluster: {reason}", interrupted=True)
    return None


def _deleted(sight: _Sight) -> Why | None:
    since, finished = _deleted_at(sight.pod), time_of(sight.ended.get("finishedAt"))
    return Why(DELETED, interrupted=True) if since and (not finished or finished >= since) else None


def _without_exit(sight: _Sight) -> Why | None:
    text = plain(str(sight.status.get("message") or ""))
    return None if sight.ended else Why(text or "its pod failed, and no reason was given", interrupted=True)


def _with_exit(sight: _Sight) -> Why:
    return _exit(sight.pod, sight.ended, sight.limit)


# A reason of the cluster counts before the exit code, which is then that of a killed container.
_ENDS: tuple[Callable[[_Sight], Why | None], ...] = (
    _at_time_limit,
    _by_cluster,
    _disrupted,
    _deleted,
    _without_exit,
    _with_exit,
)


def _exit(pod: dict[str, Any], ended: dict[str, Any], limit: str) -> Why:
    code, reason = int(ended.get("exitCode") or 0), ended.get("reason")
    name = signal_name(code)
    if reason == "OOMKilled":
        cause = f"the job exceeded its limit of {limit}" if limit else "its node has no memory left"
        return Why(f"out of memory: {cause}")
    if reason in NOT_STARTED:
        command = next(iter(((pod.get("spec") or {}).get("containers") or [{}])[0].get("command") or ()), "")
        text = str(ended.get("message") or "")
        if MARK_MOUNT in text:
            return Why(OTHER_CLAIM)
        found = start_failure(text, _image(pod), str(command).replace("$$", "$"))
        return Why(found or f"its container could not be started: {plain(text)}")
    if reason == NO_RECORD:
        return Why("its node has no record of its end: the node may have been restarted", interrupted=True)
    if name == "SIGKILL" and limit:
        message = f"killed by signal SIGKILL, probably out of memory: the job's limit is {limit}"
    else:
        message = f"killed by signal {name}" if name else f"exit code {code}"
    return Why(message, was_killed(code) or is_lost(ended))


def _image(pod: dict[str, Any]) -> str:
    return str(((pod.get("spec") or {}).get("containers") or [{}])[0].get("image") or "")


def time_of(text: str | None) -> datetime | None:
    """Parse a time of Kubernetes; return it in UTC."""
    return utc(text)
