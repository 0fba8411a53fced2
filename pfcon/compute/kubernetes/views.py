"""What answers about a Job and its pods hold, of which ``state`` makes a JobInfo. Pure."""

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

NOTE_ANNOTATION = "chrisproject.org/pfcon-ended"


@dataclass(frozen=True)
class Note:
    """Why and when pfcon ended a job: an annotation of the Job. ``at`` is aware.

    lost: a pod of it was deleted; whatever ends well after that is another pod's doing.
    """

    reason: str
    at: datetime
    lost: bool = False

    def annotation(self) -> str:
        """The annotation's value; ``note_of`` is the inverse."""
        return json.dumps({"reason": self.reason, "at": self.at.isoformat()} | ({"lost": True} if self.lost else {}))


@dataclass(frozen=True)
class View:
    """One look at a job. ``pods`` are its own, the oldest first. ``grace``: seconds that its containers get to end."""

    job: dict[str, Any]
    pods: tuple[Pod, ...]
    grace: int

    @property
    def uid(self) -> str:
        """Tells one Job from another of the same name."""
        return str(self.job["metadata"]["uid"])


def view_of(job: dict[str, Any], pods: Sequence[dict[str, Any]]) -> View:
    """A Job with those of the pods that are its own; an earlier Job of that name may have left some."""
    uid, limit = job["metadata"]["uid"], reading("the memory limit of a Job", lambda: memory_limit(job), lambda _: "")
    own = [look_at(pod, limit) for pod in pods if uid in owners(pod)]
    grace = reading("the grace of a Job", lambda: _grace(job), lambda _: 0)
    return View(job, tuple(sorted(own, key=lambda pod: (pod.created, pod.name))), grace)


def _grace(job: dict[str, Any]) -> int:
    return int(job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds") or 0)


def owners(pod: dict[str, Any]) -> list[str]:
    """The uids of what a pod belongs to; none where that can't be read."""

    def read() -> list[str]:
        return [str(owner.get("uid")) for owner in pod["metadata"].get("ownerReferences") or []]

    return reading("the owner of a pod", read, lambda _: [])


def is_job(job: dict[str, Any]) -> bool:
    """Whether a Job is one of pfcon's."""
    return JOB_TYPE_LABEL in labels_of(job["metadata"], "labels")


def request_of(job: dict[str, Any]) -> str:
    """JobSpec.request of a Job; empty for one that is not pfcon's."""
    return str(labels_of(job["metadata"], "annotations").get(REQUEST_ANNOTATION, ""))


def service_of(job: dict[str, Any]) -> object:
    """What is shown as JobSpec.service of a Job; empty for one of an earlier release."""
    return labels_of(job["metadata"], "labels").get(SERVICE_LABEL, "")


def conditions(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions that hold, by type. SuccessCriteriaMet and FailureTarget come before Complete and Failed."""

    def read() -> dict[str, dict[str, Any]]:
        found = (job.get("status") or {}).get("conditions") or []
        return {str(condition["type"]): condition for condition in found if condition.get("status") == "True"}

    return reading("the conditions of a Job", read, lambda _: {})


def has_ended(job: dict[str, Any]) -> bool:
    """Whether Kubernetes is done with a Job."""
    return not {"Complete", "Failed"}.isdisjoint(conditions(job))


def note_of(job: dict[str, Any]) -> Note | None:
    """The note that pfcon left when it ended a job."""
    text = labels_of(job["metadata"], "annotations").get(NOTE_ANNOTATION)
    try:
        found = json.loads(text) if text else None
        if not found:
            return None
        at = datetime.fromisoformat(found["at"]).astimezone(UTC)
        return Note(str(found["reason"]), at, lost=bool(found.get("lost")))
    except (ValueError, KeyError, TypeError):
        return None


def written_down(view: View) -> set[str] | None:
    """The uids of the pods that a job began with; None where they were not written down."""
    found = labels_of(view.job["metadata"], "annotations").get(PODS_ANNOTATION)
    return set(found.split(",")) if found and isinstance(found, str) else None


def replaced(view: View) -> bool:
    """Whether a job has a pod that it did not begin with."""
    written = written_down(view)
    return written is not None and any(pod.uid not in written for pod in view.pods)


def unended(view: View) -> list[Pod]:
    """The pods that run or may yet do so."""
    return [pod for pod in view.pods if pod.stage not in (Stage.SUCCEEDED, Stage.FAILED)]


def at(view: View, stage: Stage) -> list[Pod]:
    """The pods that are that far."""
    return [pod for pod in view.pods if pod.stage is stage]


def wanted(job: dict[str, Any]) -> int:
    """How many workers a job has."""
    return reading("the completions of a Job", lambda: int(job["spec"].get("completions") or 1), lambda _: 1)
