"""Follows the states of pfcon's active jobs on the API server, without a request for each job.

A process lists all Jobs and pods with pfcon's label once, then watches them. Its copy may be out of date by the longest
silence of a watch, so it is used only for active jobs: the state of jobs that have ended, are missing or are not in the
copy is requested directly.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pfcon.compute.about import of_name
from pfcon.compute.kubernetes.faults import Expired
from pfcon.compute.kubernetes.spec import JOB_TYPE_LABEL
from pfcon.compute.kubernetes.views import has_ended
from pfcon.compute.unreadable import FAULTS, unread
from pfcon.errors import PfconError
from pfcon.service_log import working_on

if TYPE_CHECKING:
    from pfcon.compute.kubernetes.client import KubernetesCalls

log = logging.getLogger(__name__)

Json = dict[str, Any]

SLICE = 20  # seconds of one watch; with several processes, a watch is longer by as much for each
SILENCE = 10.0  # seconds after a watch; then its results are too old
_FIRST = 2.0  # seconds; longest wait for the first list
_PAUSES = (0.2, 1.0, 2.0, 5.0)  # seconds before a failed request is repeated
_MAX_ENDED = 10_000  # uids


class Follower:
    """A copy of the Jobs, or of the pods, by job and by name. One thread updates it, all threads may read it."""

    def __init__(self, resource: str, job_of: Callable[[Json], str], ended: Callable[[Json], bool]) -> None:
        self.resource = resource
        self._job_of, self._ended = job_of, ended
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Json | None]] = {}  # None: it has ended
        self._version = ""
        self._heard = 0.0
        self.settled = threading.Event()  # the first list has arrived, or has failed
        self.on_pod_deletion: Callable[[str], None] = lambda _: None  # of an active pod, with its job

    def of(self, job: str) -> list[Json | None]:
        """Return the known objects of a job; None for each that has ended."""
        with self._lock:
            return list(self._known.get(job, {}).values())

    def all(self) -> dict[str, dict[str, Json | None]]:
        """Return all known objects by job and by name; None for each that has ended."""
        with self._lock:
            return {job: dict(objects) for job, objects in self._known.items()}

    def age(self) -> float:
        """Return the seconds since the server's last answer; infinite if it does not answer."""
        return time.monotonic() - self._heard if self._heard else float("inf")

    def silent(self) -> None:
        """Record that the server does not answer any more: the copy is not valid."""
        self._heard, self._version = 0.0, ""
        self.settled.set()

    def follow(self, calls: "KubernetesCalls", seconds: int) -> None:
        """List the objects if the copy is not valid, then watch once. Raises what KubernetesCalls raises."""
        if not self._version:
            self.list_all(calls)
        self.settled.set()
        try:
            with calls.watch(self.resource, JOB_TYPE_LABEL, self._version, seconds) as events:
                self._heard = time.monotonic()
                for event in events:
                    self._take(event)
        except Expired:
            self._version = ""
        except FAULTS as fault:  # the copy is out of date: list again
            unread(f"an event about {self.resource} of Kubernetes", fault)
            self._version = ""

    def list_all(self, calls: "KubernetesCalls") -> None:
        """Copy all objects. Raises what KubernetesCalls raises."""
        known: dict[str, dict[str, Json | None]] = {}
        version = ""
        for page in calls.pages(self.resource, JOB_TYPE_LABEL):
            version = version or page["metadata"]["resourceVersion"]
            for item in page["items"]:
                try:
                    known.setdefault(self._job_of(item), {})[item["metadata"]["name"]] = self._reduced(item)
                except FAULTS as fault:  # its job is requested directly
                    unread(f"one of the {self.resource} that Kubernetes lists", fault)
        with self._lock:
            self._known = known
        self._version, self._heard = version, time.monotonic()

    def _take(self, event: Json) -> None:
        item: Json = event["object"]
        if event["type"] != "BOOKMARK":
            job, name = self._job_of(item), item["metadata"]["name"]
            goes = event["type"] == "DELETED" or "deletionTimestamp" in item["metadata"]
            goes = goes and not self._ended(item)
            with self._lock:
                of_job = self._known.setdefault(job, {})
                if event["type"] == "DELETED":
                    of_job.pop(name, None)
                else:
                    of_job[name] = self._reduced(item)
                if not of_job:
                    del self._known[job]
            if goes:
                self.on_pod_deletion(job)
        self._version, self._heard = item["metadata"]["resourceVersion"], time.monotonic()

    def _reduced(self, item: Json) -> Json | None:
        """Return an object without field owners and environment, which is large or secret; None if it has ended."""
        if self._ended(item):
            return None
        item["metadata"].pop("managedFields", None)
        spec = item["spec"]
        for container in (spec.get("template") or item)["spec"].get("containers") or []:
            container.pop("env", None)
        return item


class Watcher:
    """Follows Jobs and pods as long as it is asked for them. Starts its two threads on the first call. Thread-safe."""

    def __init__(
        self, calls: "KubernetesCalls", processes: int, idle: float, lose: Callable[[str], None] = lambda _: None
    ) -> None:
        """processes: their number; each has a Watcher. idle: seconds without a call after which it stops.

        lose: called with the name of a job one of whose pods is deleted before its end, by the thread that follows.
        """
        self._calls = calls
        self._seconds = max(SLICE, 10 * processes)
        self._idle = idle
        self._jobs, self._pods = _followers()
        self._pods.on_pod_deletion = self._pod_deleted
        self._lose = lose
        self._lock = threading.Lock()
        self._threads: dict[Follower, threading.Thread] = {}
        self._asked = 0.0
        self._ended: dict[str, None] = {}

    def find(self, name: str) -> tuple[Json, list[Json]] | None:
        """Return an active Job with its pods; None if they have to be requested directly."""
        if not self._is_current():
            return None
        job = next(iter(self._jobs.of(name)), None)
        if job is None or job["metadata"]["uid"] in self._ended:
            return None
        pods = self._pods.of(name)
        alive = [pod for pod in pods if pod is not None]
        if len(alive) < len(pods) or (not pods and (job.get("status") or {}).get("active")):
            return None  # the Job will follow soon
        return job, alive

    def active(self) -> list[tuple[Json, dict[str, Json | None]]]:
        """Return all active Jobs, each with its pods by name; None for a pod that has ended.

        Lists all of them if they can't be followed now. Raises what KubernetesCalls raises.
        """
        jobs, pods = self._jobs, self._pods
        if not self._is_current():
            jobs, pods = _followers()
            for follower in (jobs, pods):
                follower.list_all(self._calls)
        of_job = pods.all()
        found = [(job, of_job.get(name, {})) for name, known in jobs.all().items() for job in known.values() if job]
        return [(job, own) for job, own in found if job["metadata"]["uid"] not in self._ended]

    def _is_current(self) -> bool:
        """Follow Jobs and pods, and return whether the copies are valid."""
        self._start()
        followers = (self._jobs, self._pods)
        for follower in followers:
            follower.settled.wait(_FIRST)
        return max(follower.age() for follower in followers) <= self._seconds + SILENCE

    def _pod_deleted(self, name: str) -> None:
        """Handle the deletion of a pod that has not ended; usually its Job is deleted, too."""
        job = next(iter(self._jobs.of(name)), None)
        if job and job["metadata"]["uid"] not in self._ended and not job["metadata"].get("deletionTimestamp"):
            with working_on(of_name(name)):
                self._lose(name)

    def threads(self) -> list[threading.Thread]:
        """Return the running threads that follow Jobs and pods."""
        return [thread for thread in self._threads.values() if thread.is_alive()]

    def forget(self, uid: str) -> None:
        """Ignore all events of a Job that has ended or is being ended: older ones may still arrive."""
        with self._lock:
            self._ended[uid] = None
            while len(self._ended) > _MAX_ENDED:
                self._ended.pop(next(iter(self._ended)))

    def _start(self) -> None:
        self._asked = time.monotonic()
        if len(self.threads()) == 2:
            return
        with self._lock:
            for follower in (self._jobs, self._pods):
                if follower not in self._threads or not self._threads[follower].is_alive():
                    follower.settled.clear()
                    name = f"watch {follower.resource}"
                    self._threads[follower] = threading.Thread(
                        target=self._run, args=(follower,), name=name, daemon=True
                    )
                    self._threads[follower].start()

    def _run(self, follower: Follower) -> None:
        failures = 0
        while time.monotonic() - self._asked < self._idle:
            try:
                follower.follow(self._calls, self._seconds)
                failures = 0
            except PfconError as fault:
                follower.silent()
                if not failures:
                    log.info("can't watch %s, each job is requested separately: %s", follower.resource, fault)
                time.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
            except Exception:  # nothing else catches it in this thread; without it, jobs are requested directly
                follower.silent()
                log.exception("watching %s failed", follower.resource)
                time.sleep(_PAUSES[-1])
        follower.silent()


def _followers() -> tuple[Follower, Follower]:
    """Return empty copies of the Jobs and of the pods."""
    return Follower("jobs", _name, has_ended), Follower("pods", _job_of_pod, _pod_has_ended)


def _name(item: Json) -> str:
    return str(item["metadata"]["name"])


def _job_of_pod(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get("job-name", ""))


def _pod_has_ended(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
