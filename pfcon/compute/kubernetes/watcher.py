"""What the API server tells of pfcon's active jobs, without being asked for each of them.

A process follows all Jobs and pods that carry pfcon's label: one list of each, then watches. An answer from here may be
as old as a watch's silence lasts, so that it is never the last word: what has ended, what is absent and whatever is
not known here is asked for directly.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pfcon.compute.kubernetes.faults import Expired
from pfcon.compute.kubernetes.spec import JOB_TYPE_LABEL
from pfcon.compute.kubernetes.views import has_ended
from pfcon.compute.unreadable import FAULTS, unread
from pfcon.errors import PfconError

if TYPE_CHECKING:
    from pfcon.compute.kubernetes.client import KubernetesCalls

log = logging.getLogger(__name__)

Json = dict[str, Any]

SLICE = 20  # seconds of one watch; each of several processes watches for that much longer
SILENCE = 10.0  # seconds beyond a watch after which what it reported is too old
_FIRST = 2.0  # seconds that a question waits for the first list
_PAUSES = (0.2, 1.0, 2.0, 5.0)  # seconds before a request that failed is made again
_MAX_ENDED = 10_000  # uids


class Follower:
    """A copy of the Jobs, or of the pods, by job and by name. One thread follows, all may ask."""

    def __init__(self, resource: str, job_of: Callable[[Json], str], ended: Callable[[Json], bool]) -> None:
        self.resource = resource
        self._job_of, self._ended = job_of, ended
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Json | None]] = {}  # None: it has ended
        self._version = ""
        self._heard = 0.0
        self.settled = threading.Event()  # the first list is there, or could not be had
        self.going: Callable[[str], None] = lambda _: None  # called with the job of one that is deleted before its end

    def of(self, job: str) -> list[Json | None]:
        """What is known of a job."""
        with self._lock:
            return list(self._known.get(job, {}).values())

    def age(self) -> float:
        """Seconds since the server was heard; infinite where it can't be."""
        return time.monotonic() - self._heard if self._heard else float("inf")

    def silent(self) -> None:
        """The server can't be heard any more: what is known is of no use."""
        self._heard, self._version = 0.0, ""
        self.settled.set()

    def follow(self, calls: "KubernetesCalls", seconds: int) -> None:
        """List where nothing is known yet, then watch once. Raises what KubernetesCalls raises."""
        if not self._version:
            self._list(calls)
        self.settled.set()
        try:
            with calls.watch(self.resource, JOB_TYPE_LABEL, self._version, seconds) as events:
                self._heard = time.monotonic()
                for event in events:
                    self._take(event)
        except Expired:
            self._version = ""
        except FAULTS as fault:  # what is known of its job is too old: begin anew
            unread(f"an event about {self.resource} of Kubernetes", fault)
            self._version = ""

    def _list(self, calls: "KubernetesCalls") -> None:
        known: dict[str, dict[str, Json | None]] = {}
        version = ""
        for page in calls.pages(self.resource, JOB_TYPE_LABEL):
            version = version or page["metadata"]["resourceVersion"]
            for item in page["items"]:
                try:
                    known.setdefault(self._job_of(item), {})[item["metadata"]["name"]] = self._kept(item)
                except FAULTS as fault:  # its job is asked for directly
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
                    of_job[name] = self._kept(item)
                if not of_job:
                    del self._known[job]
            if goes:
                self.going(job)
        self._version, self._heard = item["metadata"]["resourceVersion"], time.monotonic()

    def _kept(self, item: Json) -> Json | None:
        """What is worth memory: nothing of what has ended, no field owners, and no environment, which holds tokens."""
        if self._ended(item):
            return None
        item["metadata"].pop("managedFields", None)
        spec = item["spec"]
        for container in (spec.get("template") or item)["spec"].get("containers") or []:
            container.pop("env", None)
        return item


class Watcher:
    """Follows Jobs and pods while somebody asks for them. Starts its two threads on the first question."""

    def __init__(
        self, calls: "KubernetesCalls", processes: int, idle: float, lose: Callable[[str], None] = lambda _: None
    ) -> None:
        """``processes``: how many do the same. ``idle``: seconds without a question after which watching ends.

        lose: called with the name of a job of which a pod is deleted that has not ended, by the thread that follows.
        """
        self._calls = calls
        self._seconds = max(SLICE, 10 * processes)
        self._idle = idle
        self._jobs = Follower("jobs", _name, has_ended)
        self._pods = Follower("pods", _job_of_pod, _pod_has_ended)
        self._pods.going = self._pod_goes
        self._lose = lose
        self._lock = threading.Lock()
        self._threads: dict[Follower, threading.Thread] = {}
        self._asked = 0.0
        self._ended: dict[str, None] = {}

    def find(self, name: str) -> tuple[Json, list[Json]] | None:
        """An active Job with its pods; None where that has to be asked for directly."""
        self._start()
        followers = (self._jobs, self._pods)
        for follower in followers:
            follower.settled.wait(_FIRST)
        if max(follower.age() for follower in followers) > self._seconds + SILENCE:
            return None
        job = next(iter(self._jobs.of(name)), None)
        if job is None or job["metadata"]["uid"] in self._ended:
            return None
        pods = self._pods.of(name)
        alive = [pod for pod in pods if pod is not None]
        if len(alive) < len(pods) or (not pods and (job.get("status") or {}).get("active")):
            return None  # the Job will follow soon
        return job, alive

    def _pod_goes(self, name: str) -> None:
        """A pod is deleted that has not ended; with its Job, as a rule."""
        job = next(iter(self._jobs.of(name)), None)
        if job and job["metadata"]["uid"] not in self._ended and not job["metadata"].get("deletionTimestamp"):
            self._lose(name)

    def threads(self) -> list[threading.Thread]:
        """Those that follow."""
        return [thread for thread in self._threads.values() if thread.is_alive()]

    def forget(self, uid: str) -> None:
        """A Job has ended, or is about to: nothing that is still to arrive may make it look alive."""
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
                    log.info("can't follow %s, asking for each: %s", follower.resource, fault)
                time.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
            except Exception:  # a thread has no caller; without it, jobs are asked for directly
                follower.silent()
                log.exception("following %s failed", follower.resource)
                time.sleep(_PAUSES[-1])
        follower.silent()


def _name(item: Json) -> str:
    return str(item["metadata"]["name"])


def _job_of_pod(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get("job-name", ""))


def _pod_has_ended(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
