"""Translates a Job and its pods to a JobInfo. Pure.

Neither is sufficient alone. A Job counts pods seconds after they have ended, counts pods that can't start as active,
and does not say why a pod has failed. Pods are deleted after a deadline or when a node is drained; their Job is not.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pfcon.compute.details import of_workers
from pfcon.compute.exits import by_engine, duration_text
from pfcon.compute.kubernetes.pod_ends import DELETED
from pfcon.compute.kubernetes.pods import Pod, Stage
from pfcon.compute.kubernetes.sight import time_of
from pfcon.compute.kubernetes.spec import MIN_DEADLINE, argv_of, container_of
from pfcon.compute.kubernetes.views import (
    Note,
    View,
    at,
    conditions,
    has_ended,
    note_of,
    replaced,
    request_of,
    unended,
    wanted,
)
from pfcon.compute.unreadable import reading
from pfcon.compute.words import plain
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import SUCCESS, Reason, Why, explain

_STOP_MARGIN = timedelta(seconds=3)  # added to the grace, for a pod that is Failed while its container is being ended
_STOP_PATIENCE = timedelta(seconds=60)  # added to the grace, for a pod whose node does not report
_PODLESS = timedelta(seconds=5)  # after this time the message says that the job has no pod


def job_info(view: View, now: datetime) -> JobInfo:
    """Return the state of a job. now: aware. If a part can't be read, the job is ``undefined``."""
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
    found = next(found for rule in _RULES if (found := rule(info, view, now)))
    return replace(found, details=of_workers([pod.run for pod in view.pods], _exit_code(found, view)))


def _exit_code(info: JobInfo, view: View) -> int | None:
    """Return the exit code of a job that has ended; None if a pod was lost, whose replacement may have another one."""
    note = note_of(view.job)
    if not info.status.final or (note and note.lost) or replaced(view):
        return None
    if info.status is JobStatus.FAILED:
        failed = _first_failed(view)
        return failed.run.exit_code if failed else None
    codes = {pod.run.exit_code for pod in view.pods}
    return 0 if codes == {0} else None


def _lost_pod(info: JobInfo, view: View, now: datetime) -> JobInfo | None:
    note = note_of(view.job)
    if not (note and note.lost) and not (has_ended(view.job) and replaced(view)):
        return None
    return _noted(info, view, note or Note(DELETED, _finished(view, None) or now, lost=True), now)


def _completed(info: JobInfo, view: View, _now: datetime) -> JobInfo | None:
    complete = conditions(view.job).get("Complete")
    if not complete and len(at(view, Stage.SUCCEEDED)) < wanted(view.job):
        return None
    noted = next((pod.why.message for pod in at(view, Stage.SUCCEEDED) if pod.why), "")
    return replace(info, status=JobStatus.SUCCEEDED, message=noted, finished_at=_finished(view, complete))


def _ended_by_pfcon(info: JobInfo, view: View, now: datetime) -> JobInfo | None:
    note = note_of(view.job)
    return _noted(info, view, note, now) if note else None


def _failed(info: JobInfo, view: View, now: datetime) -> JobInfo | None:
    """Return the state of a failed job. The Job has the reason, FailureTarget first; pods that were ended do not.

    Between the two, pods may be deleted already: a job that has failed never starts again.
    """
    held, failed = conditions(view.job), at(view, Stage.FAILED)
    why = held.get("Failed") or held.get("FailureTarget")
    known = why or not all(pod.terminating for pod in failed)
    if "Failed" not in held and (not known or any(pod.running for pod in view.pods)):
        return None
    end, finished = _failure(view, why), _finished(view, why)
    if finished and any(pod.running for pod in failed) and now - finished < _grace(view) + _STOP_MARGIN:
        return replace(info, message=f"{end.message}: being ended")  # a kubelet before 1.22: see _patience
    return _ended(info, end, finished)


def _ended(info: JobInfo, why: Why, finished_at: datetime | None) -> JobInfo:
    """Return the state of a job that has failed."""
    return replace(
        info,
        status=JobStatus.FAILED,
        message=why.message,
        interrupted=why.interrupted,
        reason=why.reason,
        detail=why.detail,
        finished_at=finished_at,
    )


def _unreadable(info: JobInfo, view: View, _now: datetime) -> JobInfo | None:
    unknown = next(iter(at(view, Stage.UNKNOWN)), None)
    return replace(info, status=JobStatus.UNDEFINED, message=unknown.why.message) if unknown else None


def _started(info: JobInfo, view: View, _now: datetime) -> JobInfo | None:
    return replace(info, message=_progress(view)) if any(pod.running or pod.started for pod in view.pods) else None


def _not_started(info: JobInfo, view: View, now: datetime) -> JobInfo:
    why = _obstacle(view, now)
    return replace(info, status=JobStatus.NOT_STARTED).because(why)


_RULES: tuple[Callable[[JobInfo, View, datetime], JobInfo | None], ...] = (  # the first one counts
    _lost_pod,
    _completed,
    _ended_by_pfcon,
    _failed,
    _unreadable,
    _started,
    _not_started,
)


def stuck(view: View) -> Why:
    """Return why a pod can't start unless something outside of it changes; empty if any worker of the job runs."""
    if has_ended(view.job) or note_of(view.job) or any(pod.running for pod in view.pods):
        return SUCCESS
    return next((pod.why for pod in at(view, Stage.STUCK)), SUCCESS)


def end_pending(view: View) -> bool:
    """Return whether a job was noted as ended, but the request to end it was lost."""
    if has_ended(view.job) or view.job["spec"].get("activeDeadlineSeconds") == MIN_DEADLINE:
        return False
    return bool(note_of(view.job)) and any(not pod.terminating for pod in unended(view))


def _noted(info: JobInfo, view: View, note: Note, now: datetime) -> JobInfo:
    """Return the state of a job that pfcon has ended: it runs until its containers have ended, or should have."""
    patience = _grace(view) + _patience(view)
    unfinished = any(pod.running or (pod.scheduled and not note.idle) for pod in view.pods)
    if end_pending(view) or (unfinished and now - note.at < patience):
        return replace(info, message=f"{note.why.message}: being ended")
    return _ended(info, replace(note.why, interrupted=note.lost), note.at)


def _grace(view: View) -> timedelta:
    return timedelta(seconds=view.grace)


def _patience(view: View) -> timedelta:
    """Return how long a container may still be reported as running after its grace.

    Kubelets before 1.22 first report a pod as Failed, then end its containers, and never report their end.
    """
    return _STOP_PATIENCE if any(pod.running or pod.scheduled for pod in unended(view)) else _STOP_MARGIN


def _finished(view: View, condition: dict[str, Any] | None) -> datetime | None:
    times = [pod.finished_at for pod in view.pods if pod.finished_at]
    if times:
        return max(times)
    status = view.job.get("status") or {}
    return time_of(status.get("completionTime") or (condition or {}).get("lastTransitionTime"))


def _failure(view: View, condition: dict[str, Any] | None) -> Why:
    """Return why a job has failed: the reason of its first failed pod, or else its own condition."""
    reason, text = (str((condition or {}).get(key) or "") for key in ("reason", "message"))
    if reason == "DeadlineExceeded":
        seconds = int(view.job["spec"].get("activeDeadlineSeconds") or 0)
        return explain(Reason.TIME_LIMIT, site_limit=duration_text(seconds))
    first = _first_failed(view)
    if first and (first.why.reason is Reason.TIME_LIMIT or first.why == DELETED):  # of the job; or the pod is gone soon
        return first.why
    if first:
        number = view.pods.index(first) if first.index is None else first.index
        return first.why.of_worker(number + 1, wanted(view.job))
    if reason in ("BackoffLimitExceeded", "PodFailurePolicy"):
        return DELETED
    return by_engine(plain(text) or reason)


def _first_failed(view: View) -> Pod | None:
    """Return the pod that failed first, and by itself if there is one."""
    latest = datetime.max.replace(tzinfo=UTC)
    failed = at(view, Stage.FAILED)
    return min(failed, key=lambda pod: (pod.terminating, pod.finished_at or latest, pod.name), default=None)


def _progress(view: View) -> str:
    """Return the message for a job that runs."""
    troubled = next((pod for pod in view.pods if pod.running and pod.why), None)
    if troubled:
        return troubled.why.message
    begun, workers = sum(pod.started for pod in view.pods), wanted(view.job)
    return f"{begun} of {workers} workers have started" if begun < workers else ""


def _obstacle(view: View, now: datetime) -> Why:
    """Return why a job has not started yet."""
    for stage in (Stage.STUCK, Stage.WAITING):
        for pod in at(view, stage):
            return pod.why
    if is_late_without_pod(view.job, now):
        return Why("waiting for Kubernetes to start it; maybe a quota of the namespace is used up")
    return SUCCESS


def is_late_without_pod(job: dict[str, Any], now: datetime) -> bool:
    """Return whether a job that has no pod should have one by now."""
    return age(job, now) > _PODLESS and not job["spec"].get("suspend")


def age(job: dict[str, Any], now: datetime) -> timedelta:
    """Return the time since a Job was made; 0 if that is not known."""
    created = time_of(job["metadata"].get("creationTimestamp"))
    return now - created if created else timedelta()
