"""From a Job and its pods to a JobInfo. Pure.

Either alone misleads: a Job counts its pods seconds after they have ended, calls those active that can't start, and
does not say why one failed; pods are deleted when a deadline has passed or a node is drained, and their Job stays.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pfcon.compute.interruption import Why
from pfcon.compute.kubernetes.pods import DELETED, Pod, Stage, look_at, time_of
from pfcon.compute.kubernetes.spec import (
    DEADLINE,
    JOB_TYPE_LABEL,
    PODS_ANNOTATION,
    REQUEST_ANNOTATION,
    SERVICE_LABEL,
    argv_of,
    container_of,
    memory_limit,
)
from pfcon.compute.unreadable import labels_of, reading
from pfcon.compute.words import plain
from pfcon.models import JobInfo, JobStatus

NOTE_ANNOTATION = "chrisproject.org/pfcon-ended"

_STOP_MARGIN = timedelta(seconds=3)  # beyond the grace, for a pod that is Failed while its container is being ended
_STOP_PATIENCE = timedelta(seconds=60)  # beyond the grace, for a pod whose node does not report
_PODLESS = timedelta(seconds=30)  # after which it is told that there is no pod


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


def job_info(view: View, now: datetime) -> JobInfo:
    """What a look at a job tells. ``now``: aware. What can't be read makes the job ``undefined``."""
    name = str(view.job["metadata"]["name"])
    return reading(
        f"Kubernetes' answer about job {name}",
        lambda: _job_info(view, now),
        lambda message: JobInfo(name, JobStatus.UNDEFINED, message, request=request_of(view.job)),
    )


def _job_info(view: View, now: datetime) -> JobInfo:
    job = view.job
    info = JobInfo(
        name=job["metadata"]["name"],
        status=JobStatus.STARTED,
        image=str(container_of(job).get("image") or ""),
        argv=argv_of(job),
        request=request_of(job),
    )
    held, note = conditions(job), note_of(job)
    if (note and note.lost) or (has_ended(job) and replaced(view)):
        return _noted(info, view, note or Note(DELETED, _finished(view, None) or now, lost=True), now)
    if "Complete" in held or len(at(view, Stage.SUCCEEDED)) >= wanted(job):
        return replace(info, status=JobStatus.SUCCEEDED, finished_at=_finished(view, held.get("Complete")))
    if note:
        return _noted(info, view, note, now)
    # A pod that was told to end says nothing of why, as after a deadline: the Job does, with FailureTarget first.
    why, failed = held.get("Failed") or held.get("FailureTarget"), at(view, Stage.FAILED)
    known = failed and (why or not all(pod.terminating for pod in failed)) and not any(pod.running for pod in view.pods)
    if "Failed" in held or known:
        (message, interrupted), ended = _failure(view, why), _finished(view, held.get("Failed"))
        info = replace(info, message=message, interrupted=interrupted)
        return replace(info, status=JobStatus.FAILED, finished_at=ended)
    return _going(info, view, now)


def _going(info: JobInfo, view: View, now: datetime) -> JobInfo:
    for pod in at(view, Stage.UNKNOWN):
        return replace(info, status=JobStatus.UNDEFINED, message=pod.message)
    if any(pod.running or pod.started for pod in view.pods):
        return replace(info, message=_progress(view))
    return replace(info, status=JobStatus.NOT_STARTED, message=_obstacle(view, now))


def stuck(view: View) -> Pod | None:
    """A pod that will not start unless something outside changes, where no worker of the job runs."""
    if has_ended(view.job) or note_of(view.job) or any(pod.running for pod in view.pods):
        return None
    return next(iter(at(view, Stage.STUCK)), None)


def written_down(view: View) -> set[str] | None:
    """The uids of the pods that a job began with; None where they were not written down."""
    found = labels_of(view.job["metadata"], "annotations").get(PODS_ANNOTATION)
    return set(found.split(",")) if found and isinstance(found, str) else None


def replaced(view: View) -> bool:
    """Whether a job has a pod that it did not begin with."""
    written = written_down(view)
    return written is not None and any(pod.uid not in written for pod in view.pods)


def end_pending(view: View) -> bool:
    """Whether a job was noted as ended, and what should end it has not been done: its request got lost."""
    if has_ended(view.job) or view.job["spec"].get("activeDeadlineSeconds") != DEADLINE:
        return False
    return bool(note_of(view.job)) and any(not pod.terminating for pod in unended(view))


def unended(view: View) -> list[Pod]:
    """The pods that run or may yet do so."""
    return [pod for pod in view.pods if pod.stage not in (Stage.SUCCEEDED, Stage.FAILED)]


def at(view: View, stage: Stage) -> list[Pod]:
    """The pods that are that far."""
    return [pod for pod in view.pods if pod.stage is stage]


def wanted(job: dict[str, Any]) -> int:
    """How many workers a job has."""
    return reading("the completions of a Job", lambda: int(job["spec"].get("completions") or 1), lambda _: 1)


def _noted(info: JobInfo, view: View, note: Note, now: datetime) -> JobInfo:
    """A job that pfcon has ended: it runs until its containers have, or should have, ended."""
    patience = timedelta(seconds=view.grace) + _patience(view)
    if end_pending(view) or (any(pod.running or pod.scheduled for pod in view.pods) and now - note.at < patience):
        return replace(info, message=f"{note.reason}: being ended")
    info = replace(info, message=note.reason, interrupted=note.lost)
    return replace(info, status=JobStatus.FAILED, finished_at=note.at)


def _patience(view: View) -> timedelta:
    """How long a container may still be told to run after its grace.

    Kubelets before 1.22 call a pod Failed first, end its containers then, and never tell of that.
    """
    return _STOP_PATIENCE if any(pod.running or pod.scheduled for pod in unended(view)) else _STOP_MARGIN


def _finished(view: View, condition: dict[str, Any] | None) -> datetime | None:
    times = [pod.finished_at for pod in view.pods if pod.finished_at]
    if times:
        return max(times)
    status = view.job.get("status") or {}
    return time_of(status.get("completionTime") or (condition or {}).get("lastTransitionTime"))


def _failure(view: View, condition: dict[str, Any] | None) -> Why:
    """Why a job failed: what its first failed pod tells, or else its own condition."""
    reason, text = (str((condition or {}).get(key) or "") for key in ("reason", "message"))
    if reason == "DeadlineExceeded":
        seconds = int(view.job["spec"].get("activeDeadlineSeconds") or 0)
        return Why(f"the job exceeded its deadline: it was there for more than {timedelta(seconds=seconds)}")
    failed = at(view, Stage.FAILED)
    if failed:
        first = min(
            failed, key=lambda pod: (pod.terminating, pod.finished_at or datetime.max.replace(tzinfo=UTC), pod.name)
        )
        message = f"{first.name}: {first.message}" if wanted(view.job) > 1 else first.message
        return Why(message, first.interrupted)
    if reason in ("BackoffLimitExceeded", "PodFailurePolicy"):
        return Why(DELETED, interrupted=True)
    return Why(plain(text) or reason or "Kubernetes gives no reason")


def _progress(view: View) -> str:
    """Something worth telling of a job that runs."""
    troubled = next((pod for pod in view.pods if pod.running and pod.message), None)
    if troubled:
        return troubled.message
    begun, workers = sum(pod.started for pod in view.pods), wanted(view.job)
    return f"{begun} of {workers} workers have begun" if begun < workers else ""


def _obstacle(view: View, now: datetime) -> str:
    """Why a job has not begun."""
    for stage in (Stage.STUCK, Stage.WAITING):
        for pod in at(view, stage):
            return pod.message
    created = time_of(view.job["metadata"].get("creationTimestamp"))
    if created and now - created > _PODLESS:
        return "Kubernetes has made no pod for it yet; a quota of the namespace may be used up"
    return ""
