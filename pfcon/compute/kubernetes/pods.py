"""Parses the pods of a job. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pfcon.compute.exits import out_of_memory_note
from pfcon.compute.kubernetes.pod_ends import end_of
from pfcon.compute.kubernetes.pod_waits import wait_of
from pfcon.compute.kubernetes.run import run_of
from pfcon.compute.kubernetes.sight import Sight, time_of
from pfcon.compute.kubernetes.spec import MIN_DEADLINE
from pfcon.compute.unreadable import labels_of, reading
from pfcon.models import RunDetails
from pfcon.reasons import SUCCESS, Why

_INDEX = "batch.kubernetes.io/job-completion-index"  # an annotation of pods of Indexed Jobs (Kubernetes 1.21)


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

    why: why it is in this stage. running: whether its container runs. scheduled: whether a node may be starting it,
    which the node reports a second later. terminating: whether it was asked to end. started: whether its container has
    run, so that it may have a log. deleted_at: when its deletion was requested, by the cluster or by a user. run: what
    is known of its run. index: of the worker, from 0; None if the server gives none.
    """

    name: str
    uid: str
    created: str
    stage: Stage
    why: Why = SUCCESS
    running: bool = False
    scheduled: bool = False
    terminating: bool = False
    started: bool = False
    finished_at: datetime | None = None
    deleted_at: datetime | None = None
    run: RunDetails = RunDetails()
    index: int | None = None


def look_at(pod: dict[str, Any], limit: int) -> Pod:
    """Parse a pod. limit: the job's memory limit in bytes, for messages; 0 for none."""
    metadata = pod.get("metadata") or {}
    name, uid = (str(metadata.get(key) or "") for key in ("name", "uid"))
    return reading(
        f"Kubernetes' answer about pod {name}",
        lambda: _look_at(pod, limit),
        lambda message: Pod(name, uid, str(metadata.get("creationTimestamp") or ""), Stage.UNKNOWN, Why(message)),
    )


_Judged = tuple[Stage, Why]


def _succeeded(sight: Sight) -> _Judged | None:
    well = sight.ended and sight.ended.get("exitCode") == 0 and sight.phase != "Failed"
    if not (sight.phase == "Succeeded" or well):
        return None
    killed = sight.ended.get("reason") == "OOMKilled"
    return Stage.SUCCEEDED, Why(out_of_memory_note(sight.limit)) if killed else SUCCESS


def _failed(sight: Sight) -> _Judged | None:
    return (Stage.FAILED, end_of(sight)) if sight.phase == "Failed" or sight.ended else None


def _runs(sight: Sight) -> _Judged | None:
    if not sight.runs:
        return None
    lost = sight.phase == "Unknown" or sight.status.get("reason") == "NodeLost"
    return Stage.RUNNING, Why("its machine does not answer" if lost else "")


def _waits(sight: Sight) -> _Judged:
    stuck, why = wait_of(sight)
    return Stage.STUCK if stuck else Stage.WAITING, why


_STAGES: tuple[Callable[[Sight], _Judged | None], ...] = (
    _succeeded,
    _failed,
    _runs,
    _waits,
)  # the first result counts


def _look_at(pod: dict[str, Any], limit: int) -> Pod:
    sight = Sight(pod, limit)
    stage, why = next(judged for rule in _STAGES if (judged := rule(sight)))
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    index = str(labels_of(metadata, "annotations").get(_INDEX, ""))
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        created=str(metadata.get("creationTimestamp") or ""),
        stage=stage,
        why=why,
        running=sight.runs,
        scheduled=stage is Stage.WAITING and bool(sight.node),
        terminating=bool(metadata.get("deletionTimestamp") or spec.get("activeDeadlineSeconds") == MIN_DEADLINE),
        started=bool(sight.ended) or sight.runs,
        finished_at=time_of(sight.ended.get("finishedAt")) if stage in (Stage.SUCCEEDED, Stage.FAILED) else None,
        deleted_at=sight.deleted_at,
        run=run_of(pod),
        index=int(index) if index.isdecimal() else None,
    )
