"""The kubernetes engine: one Kubernetes Job for each job, on Kubernetes or OpenShift."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pfcon.compute.base import ComputeEngine, Mine, anyone, require_mine
from pfcon.compute.kubernetes import lost, state, views
from pfcon.compute.kubernetes.checking import check
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.listing import Lister
from pfcon.compute.kubernetes.logs import BURST, READS_PER_MINUTE, LogCache, log_sources, pods_with_log, read_log
from pfcon.compute.kubernetes.obstacles import Obstacles
from pfcon.compute.kubernetes.spec import MIN_DEADLINE, PODS_ANNOTATION, job_manifest, require_possible
from pfcon.compute.kubernetes.stuck_timer import StuckTimer
from pfcon.compute.kubernetes.views import NOTE_ANNOTATION, Note, View
from pfcon.compute.kubernetes.volume import storebase_volume
from pfcon.compute.log_copy import LogChunk, copied
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.sources import require_sources
from pfcon.compute.store_mark import StoreMark
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable
from pfcon.models import JobInfo, JobSpec
from pfcon.polling import polls
from pfcon.reasons import CANCELLED, Why
from pfcon.token_bucket import TokenBucket
from pfcon.units import MINUTE

if TYPE_CHECKING:  # the official client takes half a second to import
    from pfcon.compute.kubernetes.client import KubernetesCalls
    from pfcon.compute.kubernetes.watcher import Watcher

_log = logging.getLogger(__name__)

STOP_GRACE = 10  # seconds between SIGTERM and SIGKILL
STUCK_GRACE = 120.0  # seconds; until then a kubelet tries four times to fetch an image
HOPELESS_GRACE = 5.0  # seconds for a job that waits for what can't change by itself, such as an image without a name
WATCH_IDLE = 150.0  # seconds; the leader asks every two
_PAUSES = (0.1, 1.0)  # seconds between two requests: the first and the longest pause
_NAME_WAIT = 15.0  # seconds; longest wait for the name of a job that is being deleted
REMOVE_WAIT = 90.0  # seconds after the grace; longest wait for the removal of pods


class KubernetesEngine(ComputeEngine):
    """Runs jobs as Kubernetes Jobs.

    A job is a Job of its name with pfcon's label. Other Jobs are never changed: for ``info``, ``logs``, ``cancel`` and
    ``remove`` they are absent, for ``schedule`` a conflict.
    """

    name, own_secrets, own_time_limit = "kubernetes", True, True
    log_reads_per_minute = None  # limited by READS_PER_MINUTE
    log_copies_per_minute = 180.0

    def __init__(
        self,
        settings: ComputeSettings,
        own: KubernetesSettings,
        storebase_mount: Path,
        processes: int = 1,
        *,
        stop_grace: int = STOP_GRACE,
        stuck_grace: float = STUCK_GRACE,
        watch_idle: float = WATCH_IDLE,
        remove_wait: float = REMOVE_WAIT,
        minute: float = MINUTE,
    ) -> None:
        """storebase_mount: the path of storeBase in this process. processes: number of the service's processes.
        watch_idle: seconds after the last request for which active jobs are watched. minute: the length of a minute of
        time limits, in seconds. Others: see above.
        """
        self._compute, self._settings = settings, own
        self._storebase_mount = storebase_mount
        self._processes = processes
        self._watch_idle = watch_idle
        self._stop_grace = stop_grace
        self._remove_wait, self._minute = remove_wait, minute
        self._patience = StuckTimer(stuck_grace, HOPELESS_GRACE)
        self._obstacles = Obstacles(lambda: self._calls, self._patience)
        self._lister = Lister(self._connection, self._patience)
        self._mark = StoreMark(storebase_mount)
        self._reads = TokenBucket(READS_PER_MINUTE / processes, BURST / processes)
        self._texts, self._requests = LogCache(), LogCache()  # the latter: of the service's own jobs, by name
        self._lock = threading.Lock()
        self._connected: tuple[KubernetesCalls, Watcher] | None = None

    def _connection(self) -> tuple["KubernetesCalls", "Watcher"]:
        found = self._connected
        if found is None or found[0].pid != os.getpid():  # connections can't be shared with a parent process
            from pfcon.compute.kubernetes.client import KubernetesCalls
            from pfcon.compute.kubernetes.watcher import Watcher

            with self._lock:
                found = self._connected
                if found is None or found[0].pid != os.getpid():
                    calls = KubernetesCalls(self._settings)
                    watcher = Watcher(calls, self._processes, self._watch_idle, self._end_lost)
                    found = self._connected = (calls, watcher)
        return found

    @property
    def _calls(self) -> "KubernetesCalls":
        return self._connection()[0]

    @property
    def _watcher(self) -> "Watcher":
        return self._connection()[1]

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. Waits some seconds for a job of that name that is being deleted."""
        require_possible(spec, self._settings)
        require_sources(spec.mounts, self._storebase_mount)  # the cluster mounts secrets itself
        mark, minute = self._mark.source(), self._minute
        volume = storebase_volume(self._compute)
        manifest = job_manifest(spec, volume, self._settings, self._stop_grace, mark, minute=minute)
        last: Conflict | None = None
        for _ in polls(_NAME_WAIT, *_PAUSES):
            try:
                job = self._calls.create_job(manifest)
                self._requests.put(spec.name, spec.request)
                return state.job_info(views.view_of(job, []), datetime.now(UTC))
            except Absent as fault:
                raise Refused(f"Kubernetes refuses: {fault}") from fault
            except NoAnswer as fault:
                if fault.may_have_arrived:
                    raise maybe_created(fault) from fault
                raise
            except Conflict as fault:
                if not self._calls.is_being_deleted(spec.name):
                    raise Conflict(f"a job {spec.name} already exists") from fault
                last = fault
        raise Conflict(f"an earlier job {spec.name} is still being deleted; try again") from last

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine. The state of an active job may be some seconds old: see Watcher.

        A job that can't start because of a missing image or volume is ended here, after STUCK_GRACE or HOPELESS_GRACE.
        """
        followed = self._followed(name, mine)
        if followed is not None:
            info = self._obstacles.info(followed)
            asks = state.end_pending(followed) or lost.why_lost(followed) or lost.unmarked(followed)
            if not info.status.final and not asks and not self._overdue(followed):
                return info
        view = self._view(name, mine)
        info = self._obstacles.info(view)
        if state.end_pending(view):  # the process that noted its end could not end it
            self._stop(view)
        elif why := lost.why_lost(view):
            info = self._end(view, why, once=True)
        elif why := self._overdue(view):
            info = self._end(view, why)
        elif lost.unmarked(view):
            patch = {"metadata": {"annotations": {PODS_ANNOTATION: lost.mark(view)}, "uid": view.uid}}
            self._calls.patch_job(name, patch)
        if info.status.final:
            self._watcher.forget(view.uid)
        return info

    def _followed(self, name: str, mine: Mine) -> View | None:
        found = self._watcher.find(name)
        if found is None or not views.is_job(found[0]) or not mine(views.request_of(found[0])):
            return None
        self._requests.put(name, views.request_of(found[0]))
        return views.view_of(*found)

    def _view(self, name: str, mine: Mine) -> View:
        """Request a job and its pods. Raises Absent."""
        job = self._calls.job(name)
        if not views.is_job(job):
            raise Absent(f"there is no job {name}; a Job that is not pfcon's has that name")
        require_mine(
            name, views.request_of(job), mine, service=views.service_of(job), ended=lambda: views.has_ended(job)
        )
        return views.view_of(job, self._calls.pods_of(name))

    def _overdue(self, view: View) -> Why:
        """Return why a job that can't start has to be ended; empty if it may still start."""
        return self._patience.expired(view.uid, state.stuck(view))

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine. At most 1 MiB; the logs of several pods follow each other, below the pods' names.

        With many active jobs, the log of a job may be older: see ``READS_PER_MINUTE``.
        """
        followed = self._followed(name, mine)
        if followed is None:
            return read_log(self._calls, self._view(name, mine), tail_lines)
        begun = pods_with_log(followed)
        if begun and self._reads.take(len(begun)):
            self._texts.put(followed.uid, read_log(self._calls, followed, tail_lines))
        return self._texts.get(followed.uid)

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """See ComputeEngine."""
        view = self._followed(name, mine) or self._view(name, mine)
        return copied(log_sources(self._calls, view), cursor, ended=ended)

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine. Returns immediately; the job is FAILED once its containers have ended."""
        view = self._view(name, mine)
        if state.job_info(view, datetime.now(UTC)).status.final:
            return
        if views.note_of(view.job):
            self._stop(view)
        else:
            self._end(view, why)

    def _end_lost(self, name: str) -> None:
        """End a job of which a pod is being deleted, before the pod is replaced; never a Job that is not pfcon's."""
        if not (request := self._requests.get(name)):
            return
        mine = request.__eq__
        try:
            followed = self._followed(name, mine)
            if followed and (why := lost.why_lost(followed)):
                with contextlib.suppress(Conflict):  # it has changed since the event
                    self._end(followed, why, once=True, unchanged=True)
                    return
            view = self._view(name, mine)
            if why := lost.why_lost(view):
                self._end(view, why, once=True)
        except PfconError as fault:  # it was removed, or the next ``info`` tries again
            _log.info("job %s, a pod of which is being deleted, can't be ended: %s", name, fault)

    def _end(self, view: View, why: Why, *, once: bool = False, unchanged: bool = False) -> JobInfo:
        """End a job, and note the reason on it. once: none of its pods may be replaced.

        unchanged: raises Conflict if the Job has changed since ``view``.
        """
        metadata, idle = view.job["metadata"], not any(pod.started or pod.scheduled for pod in view.pods)
        note = Note(why, datetime.now(UTC), lost=once, idle=idle)
        patch: dict[str, Any] = {"metadata": {"annotations": {NOTE_ANNOTATION: note.annotation()}, "uid": view.uid}}
        _log.info("job %s is ended: %s %s", metadata["name"], why.message, why.detail)
        if unchanged:
            patch["metadata"]["resourceVersion"] = metadata["resourceVersion"]
        if once or idle:
            patch["spec"] = {"activeDeadlineSeconds": MIN_DEADLINE}
        ended = View(self._calls.patch_job(metadata["name"], patch), view.pods, view.grace)
        if state.end_pending(ended):
            self._stop(ended)
        return state.job_info(ended, datetime.now(UTC))

    def _stop(self, view: View) -> None:
        """End the containers of a job.

        With a deadline of the Job, its pods would be deleted, with their logs; a deadline of a pod keeps them.
        """
        try:
            for pod in views.unended(view):
                if not pod.terminating:
                    self._calls.patch_pod(pod.name, {"spec": {"activeDeadlineSeconds": MIN_DEADLINE}})
        except (Absent, Refused) as fault:  # it was removed; or this service may not change pods
            _log.info("job %s: its pods can't be ended with their logs kept: %s", view.job["metadata"]["name"], fault)
            patch = {"metadata": {"uid": view.uid}, "spec": {"activeDeadlineSeconds": MIN_DEADLINE}}
            self._calls.patch_job(view.job["metadata"]["name"], patch)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine. Returns when the Job and its pods are removed; never changes a Job that is not pfcon's."""
        uid = ""
        try:
            for _ in polls(self._stop_grace + self._remove_wait, *_PAUSES):
                job = self._calls.job(name)
                if not views.is_job(job) or (uid and job["metadata"]["uid"] != uid):
                    return
                if not uid:
                    require_mine(name, views.request_of(job), mine)
                    uid = job["metadata"]["uid"]
                    self._watcher.forget(uid)
                    self._calls.delete_job(name, uid)
            raise Unreachable(f"Kubernetes has not removed job {name} in time: its node may be lost")
        except (Absent, Conflict):  # it was removed, or another one has its name
            return

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine. The texts may be some seconds old: see Watcher."""
        return self._lister.active_jobs()

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return self._lister.requests()

    def require_answer(self) -> None:
        """See ComputeEngine. A list would come from the watches, which notice an outage later."""
        self._calls.version()

    def check(self) -> str:
        """See ComputeEngine."""
        return check(self._calls, self._settings.namespace)
