"""Parses answers about a Job and its pods, for ``state``. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pfcon.compute.kubernetes.pods import Pod, Stage, look_at
from pfcon.compute.kubernetes.spec import (
    JOB_TYPE_LABEL,
    PODS_ANNOTATION,
    REQUEST_ANNOTATION,
    SERVICE_LABEL,
    memory_limit,
)
from pfcon.compute.unreadable import labels_of, reading
from pfcon.reasons import Why

NOTE_ANNOTATION = "chrisproject.org/pfcon-ended"


@dataclass(frozen=True)
class Note:
    """Why and when pfcon ended a job: an annotation of the Job. ``at`` is aware.

    lost: one of its pods was deleted; a success after that is that of a replacement. idle: no container had started or
    was being started, so nothing has to end. While the pod ends, a kubelet of 1.36 says that it creates the container.
    """

    why: Why
    at: datetime
    lost: bool = False
    idle: bool = False

    def annotation(self) -> str:
        """Return the annotation's value; ``note_of`` is the inverse."""
        flags = {name: True for name in ("lost", "idle") if getattr(self, name)}
        return json.dumps({"reason": self.why.note(), "at": self.at.isoformat(), **flags})


@dataclass(frozen=True)
class View:
    """A Job and its own pods at one time, the oldest first. grace: seconds that its containers have to end."""

    job: dict[str, Any]
    pods: tuple[Pod, ...]
    grace: int

    @property
    def uid(self) -> str:
        """Identifies the Job among several of the same name."""
        return str(self.job["metadata"]["uid"])


def view_of(job: dict[str, Any], pods: Sequence[dict[str, Any]]) -> View:
    """Return a Job with its own pods; other ``pods`` may belong to an earlier Job of that name."""
    uid, limit = job["metadata"]["uid"], reading("the memory limit of a Job", lambda: memory_limit(job), lambda _: 0)
    own = [look_at(pod, limit) for pod in pods if uid in owners(pod)]
    grace = reading("the grace of a Job", lambda: _grace(job), lambda _: 0)
    return View(job, tuple(sorted(own, key=lambda pod: (pod.created, pod.name))), grace)


def _grace(job: dict[str, Any]) -> int:
    return int(job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds") or 0)


def owners(pod: dict[str, Any]) -> list[str]:
    """Return the uids of a pod's owners; empty if they can't be read."""

    def read() -> list[str]:
        return [str(owner.get("uid")) for owner in pod["metadata"].get("ownerReferences") or []]

    return reading("the owner of a pod", read, lambda _: [])


def is_job(job: dict[str, Any]) -> bool:
    """Return whether a Job is one of pfcon's."""
    return JOB_TYPE_LABEL in labels_of(job["metadata"], "labels")


def request_of(job: dict[str, Any]) -> str:
    """Return JobSpec.request of a Job; ``""`` if it is not pfcon's."""
    return str(labels_of(job["metadata"], "annotations").get(REQUEST_ANNOTATION, ""))


def service_of(job: dict[str, Any]) -> object:
    """Return JobSpec.service as the Job shows it; empty for a job of an earlier release."""
    return labels_of(job["metadata"], "labels").get(SERVICE_LABEL, "")


def conditions(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the true conditions, by type. SuccessCriteriaMet and FailureTarget are set before Complete and Failed."""

    def read() -> dict[str, dict[str, Any]]:
        found = (job.get("status") or {}).get("conditions") or []
        return {str(condition["type"]): condition for condition in found if condition.get("status") == "True"}

    return reading("the conditions of a Job", read, lambda _: {})


def has_ended(job: dict[str, Any]) -> bool:
    """Return whether a Job is Complete or Failed."""
    return not {"Complete", "Failed"}.isdisjoint(conditions(job))


def note_of(job: dict[str, Any]) -> Note | None:
    """Return the note that pfcon has written when it ended a job; None if it did not."""
    text = labels_of(job["metadata"], "annotations").get(NOTE_ANNOTATION)
    try:
        found = json.loads(text) if text else None
        if not found:
            return None
        at = datetime.fromisoformat(found["at"]).astimezone(UTC)
        return Note(Why.of_note(str(found["reason"])), at, lost=bool(found.get("lost")), idle=bool(found.get("idle")))
    except (ValueError, KeyError, TypeError):
        return None


def written_down(view: View) -> set[str] | None:
    """Return the noted uids of a job's first pods; None if they were not noted."""
    found = labels_of(view.job["metadata"], "annotations").get(PODS_ANNOTATION)
    return set(found.split(",")) if found and isinstance(found, str) else None


def replaced(view: View) -> bool:
    """Return whether a job has a pod that replaces another one."""
    written = written_down(view)
    return written is not None and any(pod.uid not in written for pod in view.pods)


def unended(view: View) -> list[Pod]:
    """Return the pods that run or may still start."""
    return [pod for pod in view.pods if pod.stage not in (Stage.SUCCEEDED, Stage.FAILED)]


def at(view: View, stage: Stage) -> list[Pod]:
    """Return the pods in a stage."""
    return [pod for pod in view.pods if pod.stage is stage]


def wanted(job: dict[str, Any]) -> int:
    """Return the number of workers of a job."""
    return reading("the completions of a Job", lambda: int(job["spec"].get("completions") or 1), lambda _: 1)
