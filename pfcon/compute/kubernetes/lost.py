"""Whether a job has lost a pod: one that was deleted before its end, by a drain or by somebody. Pure.

A worker never gets a second pod. Where the server keeps its controller from making one (podFailurePolicy), the Job
fails; Kubernetes 1.20 makes another immediately, so that pfcon has to end the Job itself.
"""

from datetime import timedelta
from typing import Any

from pfcon.compute.kubernetes.pods import DELETED, Pod, Stage, time_of
from pfcon.compute.kubernetes.spec import PODS_ANNOTATION
from pfcon.compute.kubernetes.views import View, at, conditions, has_ended, note_of, unended, wanted, written_down
from pfcon.compute.unreadable import labels_of


def why_lost(view: View) -> str:
    """Why a job has to be ended a pod of which was deleted, by a drain or by somebody; empty where none was.

    Kubernetes 1.20 replaces such a pod immediately. What the controller deletes because the job ends is not lost.
    """
    job = view.job
    ends = has_ended(job) or "FailureTarget" in conditions(job) or note_of(job) or at(view, Stage.FAILED)
    if ends or job["metadata"].get("deletionTimestamp"):
        return ""
    written = written_down(view)
    if written is not None and written != {pod.uid for pod in view.pods}:
        return DELETED
    going = [pod for pod in unended(view) if pod.deleted_at]
    return DELETED if any(not _past_deadline(job, pod) for pod in going) else ""


def _past_deadline(job: dict[str, Any], pod: Pod) -> bool:
    """Whether a pod was deleted because its Job's deadline has passed; by the server's clock alone."""
    started = time_of((job.get("status") or {}).get("startTime"))
    seconds = job["spec"].get("activeDeadlineSeconds")
    if not (started and isinstance(seconds, int) and pod.deleted_at):
        return False
    return pod.deleted_at >= started + timedelta(seconds=seconds - 1)


def unmarked(view: View) -> bool:
    """Whether the pods of a job should be written down, so that another one is known for what it is.

    Only where the server has dropped what keeps it from making one.
    """
    empty = labels_of(view.job["metadata"], "annotations").get(PODS_ANNOTATION) == ""  # as pfcon itself makes it
    if not empty or view.job["spec"].get("podFailurePolicy"):
        return False
    return 0 < len(view.pods) == wanted(view.job)


def mark(view: View) -> str:
    """What to write down as PODS_ANNOTATION."""
    return ",".join(pod.uid for pod in view.pods)
