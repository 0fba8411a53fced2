"""Lists jobs: the active ones from what the Watcher follows, without a request for that."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pfcon.compute.kubernetes import lost, state, views
from pfcon.compute.kubernetes.spec import JOB_TYPE_LABEL
from pfcon.compute.kubernetes.stuck_timer import StuckTimer
from pfcon.compute.unreadable import FAULTS, unread

if TYPE_CHECKING:  # the official client takes half a second to import
    from pfcon.compute.kubernetes.client import KubernetesCalls
    from pfcon.compute.kubernetes.watcher import Watcher

Json = dict[str, Any]
Pods = Mapping[str, Json | None]  # by name; None: it has ended

_AGAIN = timedelta(seconds=5)  # until the text of a job that is being ended changes again: ``info`` waits for a time


class Lister:
    """Lists jobs. Thread-safe. Raises what KubernetesCalls raises."""

    def __init__(self, connection: "Callable[[], tuple[KubernetesCalls, Watcher]]", patience: StuckTimer) -> None:
        self._connection = connection
        self._patience = patience
        self._steady: dict[str, str] = {}  # by uid: the texts of jobs that only an event changes

    def active_jobs(self) -> dict[str, str]:
        """Return the jobs that have not ended, by name, each with a text for its state."""
        found: dict[str, str] = {}
        steady: dict[str, str] = {}
        for job, pods in self._connection()[1].active():
            try:
                name, uid = str(job["metadata"]["name"]), str(job["metadata"]["uid"])
                versions = _versions(job, pods)
                signs = [] if self._steady.get(uid) == versions else self._signs(job, pods)
                if signs:
                    found[name] = " ".join([versions, *filter(None, signs)])
                else:
                    found[name] = steady[uid] = versions
            except FAULTS as fault:  # ``info`` reports it
                unread("a Job in the list of Kubernetes", fault)
        self._steady = steady
        return found

    def _signs(self, job: Json, pods: Pods) -> list[str]:
        """Return what else than versions ``info`` depends on; empty for a job that only an event can change."""
        alive = [pod for pod in pods.values() if pod is not None]
        view, now, signs = views.view_of(job, alive), datetime.now(UTC), []
        if len(alive) == len(pods) and (state.end_pending(view) or lost.why_lost(view) or lost.unmarked(view)):
            signs.append("unfinished")
        if note := views.note_of(job):
            signs.append(f"noted {(now - note.at) // _AGAIN}")
        why = state.stuck(view)
        if self._patience.expired(view.uid, why):
            signs.append("overdue")
        elif why:
            signs.append("")
        if not pods:
            signs.append(_without_pod(job, now) if state.is_late_without_pod(job, now) else "")
        return signs

    def requests(self) -> dict[str, str]:
        """Return ``JobSpec.request`` of each job, by name."""
        pages = self._connection()[0].pages("jobs", JOB_TYPE_LABEL)
        jobs = [job for page in pages for job in page["items"] if isinstance((job or {}).get("metadata"), dict)]
        return {str(job["metadata"].get("name")): views.request_of(job) for job in jobs}


def _versions(job: Json, pods: Pods) -> str:
    known = {name: "ended" if pod is None else _version(pod) for name, pod in pods.items()}
    return " ".join([str(job["metadata"]["uid"]), _version(job), *(f"{name} {known[name]}" for name in sorted(known))])


def _version(item: Json) -> str:
    return str(item["metadata"].get("resourceVersion"))


def _without_pod(job: dict[str, Any], now: datetime) -> str:
    """Return a sign that changes each time the job has become twice as old: then its events are listed again."""
    return f"no pod {int(math.log2(state.age(job, now).total_seconds()))}"
