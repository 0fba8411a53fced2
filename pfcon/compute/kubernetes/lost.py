"""Detects lost pods: those that were deleted before their end, by a drain or by a user. Pure.

A worker never gets a second pod. If the server supports podFailurePolicy, its controller creates none and the Job
fails; Kubernetes 1.20 creates another one immediately, so that pfcon has to end the Job itself.
"""

from datetime import timedelta
from typing import Any

from pfcon.compute.kubernetes.pod_ends import DELETED
from pfcon.compute.kubernetes.pods import Pod, Stage
from pfcon.compute.kubernetes.sight import time_of
from pfcon.compute.kubernetes.spec import PODS_ANNOTATION
from pfcon.compute.kubernetes.views import View, at, conditions, has_ended, note_of, unended, wanted, written_down
from pfcon.compute.unreadable import labels_of
from pfcon.reasons import SUCCESS, Why


def why_lost(view: View) -> Why:
    """Return why a job has to be ended because a pod was deleted, by a drain or by a user; empty if none was.

    Kubernetes 1.20 replaces such a pod immediately. A pod that the controller deletes because the job ends is not lost.
    """
    job = view.job
    ends = has_ended(job) or "FailureTarget" in conditions(job) or note_of(job) or at(view, Stage.FAILED)
    if ends or job["metadata"].get("deletionTimestamp"):
        return SUCCESS
    written = written_down(view)
    if written is not None and written != {pod.uid for pod in view.pods}:
        return DELETED
    deleted = [pod for pod in unended(view) if pod.deleted_at]
    return DELETED if any(not _past_deadline(job, pod) for pod in deleted) else SUCCESS


def _past_deadline(job: dict[str, Any], pod: Pod) -> bool:
    """Return whether a pod was deleted because of its Job's deadline. Compares only times of the server's clock."""
    started = time_of((job.get("status") or {}).get("startTime"))
    seconds = job["spec"].get("activeDeadlineSeconds")
    if not (started and isinstance(seconds, int) and pod.deleted_at):
        return False
    return pod.deleted_at >= started + timedelta(seconds=seconds - 1)


def unmarked(view: View) -> bool:
    """Return whether the uids of a job's pods should be noted, so that a replacement can be recognized.

    Only if the server has ignored podFailurePolicy, which prevents replacements.
    """
    empty = labels_of(view.job["metadata"], "annotations").get(PODS_ANNOTATION) == ""  # as pfcon creates it
    if not empty or view.job["spec"].get("podFailurePolicy"):
        return False
    return 0 < len(view.pods) == wanted(view.job)


def mark(view: View) -> str:
    """Return the value for PODS_ANNOTATION."""
    return ",".join(pod.uid for pod in view.pods)
