"""The controllers of the fake cluster: Jobs get pods, pods get on, and Jobs follow what became of them.

What surprises is as on a real one: a Job counts an ended pod a moment later, by way of SuccessCriteriaMet or
FailureTarget; a Job whose pod can't start is active; a deadline of a Job deletes its pods, that of a pod leaves it;
deletion is done only when the pods are gone.
"""

import copy
import logging
import random
import string
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pfcon.errors import PfconError
from pfcon.paths import StoreBase

from .kubernetes_nodes import Node, end, state_of, unplaceable
from .kubernetes_objects import Json, Objects, now

_log = logging.getLogger(__name__)
TICK = 0.03  # seconds
STEP = 0.12  # seconds between two steps of a pod, or of what a Job tells of its pods
REPLACED = 4.0  # seconds until a kubelet begins a pod that was made in another's place
DEATH = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


class Cluster:
    """A namespace or several, a claim or several, and one node. Runs a thread between ``start`` and ``stop``.

    ``tick``: seconds between two looks at all objects. ``paused``: no container is started, and no
    Job that is being deleted goes. ``replaces``: a pod that is deleted gets another one in its place at once and is
    never counted, as with 1.20, which also drops the policies that it does not know.
    """

    def __init__(self, storebase: StoreBase, *, claims: set[str], namespaces: set[str], images: set[str]) -> None:
        self.objects = Objects()
        self.claims, self.namespaces = claims, namespaces
        self.tick = TICK
        self.paused = False
        self.replaces = False
        tools = Path(storebase.private_dir("fake-tools"))
        tools.chmod(0o755)
        (tools / "hostname").write_text('#!/bin/sh\necho "$HOSTNAME"\n')
        (tools / "hostname").chmod(0o755)
        self.node = Node(storebase, images, str(tools))
        self._since: dict[str, float] = {}  # uid: when it made its last step
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake cluster")

    def start(self) -> None:
        """Let the controllers run."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the controllers, and what their pods run."""
        self._stopping.set()
        self._thread.join()
        for pod in self.objects.all("pods"):
            self.node.clear(pod)

    def _run(self) -> None:
        while not self._stopping.wait(self.tick):
            with self.objects.changed:
                for job in self.objects.all("jobs"):
                    self._try(self._reconcile, job)
                for pod in self.objects.all("pods"):
                    self._try(self._move, pod)

    def _try(self, step: Callable[[Json], None], item: Json) -> None:
        """What the node can't do now, on a machine that is busy, is tried again at the next tick."""
        try:
            step(item)
        except PfconError as fault:
            _log.warning("%s: %s", item["metadata"]["name"], fault)

    def pods_of(self, job: Json) -> list[Json]:
        """The pods that a Job owns."""
        uid = job["metadata"]["uid"]
        return [
            pod for pod in self.objects.all("pods") if uid in (o["uid"] for o in pod["metadata"]["ownerReferences"])
        ]

    def _step(self, item: Json, seconds: float = STEP) -> bool:
        """Whether it is time for an object's next step."""
        since = self._since.setdefault(item["metadata"]["uid"], time.monotonic())
        if time.monotonic() - since < seconds:
            return False
        self._since[item["metadata"]["uid"]] = time.monotonic()
        return True

    # Jobs

    def _reconcile(self, job: Json) -> None:
        pods, status = self.pods_of(job), job.get("status") or {}
        before = copy.deepcopy(status)
        held = {condition["type"] for condition in status.get("conditions") or []}
        if job["metadata"].get("deletionTimestamp"):
            if not self.paused:
                self._delete_job(job, pods)
            return
        if held & {"Complete", "Failed"}:
            return
        if not status:
            job["status"] = status = {"startTime": now(), "terminating": 0, "uncountedTerminatedPods": {}, "ready": 0}
            for index in range(job["spec"].get("parallelism", 1)):
                self._make_pod(job, index)
            status["active"] = job["spec"].get("parallelism", 1)
        elif held or self._step(job):
            self._count(job, status, pods, held)
        if status != before:
            self.objects.tell("jobs", "MODIFIED", job)

    def _delete_job(self, job: Json, pods: list[Json]) -> None:
        for pod in pods:
            self.delete_pod(pod)
        if not pods:
            self.objects.remove("jobs", job)

    def _count(self, job: Json, status: Json, pods: list[Json], held: set[str]) -> None:
        ended = {phase: sum(pod["status"]["phase"] == phase for pod in pods) for phase in ("Succeeded", "Failed")}
        deadline = job["spec"].get("activeDeadlineSeconds")
        began = self._since.setdefault(f"{job['metadata']['uid']} began", time.monotonic())
        target = next(iter(held & set(DEATH)), None)
        if target:
            condition = next(c for c in status["conditions"] if c["type"] == target)
            status["conditions"] = [*status["conditions"], {**condition, "type": DEATH[target]}]
            if target == "SuccessCriteriaMet":
                status["completionTime"] = now()
        elif deadline and time.monotonic() - began > deadline:
            for pod in pods:
                self.delete_pod(pod)
            self._conclude(status, "FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")
        elif ended["Succeeded"] >= job["spec"].get("completions", 1):
            self._conclude(
                status, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"
            )
        elif ended["Failed"] > job["spec"].get("backoffLimit", 6):
            text = "Job has reached the specified backoff limit"
            for pod in pods:
                if pod["status"]["phase"] not in ("Succeeded", "Failed"):
                    self.delete_pod(pod)
            self._conclude(status, "FailureTarget", "BackoffLimitExceeded", text)
        elif self.replaces:
            there = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
            for index in range(job["spec"].get("completions", 1) - len(there)):
                uid = self._make_pod(job, index)["metadata"]["uid"]
                self._since[uid] = time.monotonic() + REPLACED
        counts = {"active": len(pods) - sum(ended.values()), "succeeded": ended["Succeeded"], "failed": ended["Failed"]}
        counts["ready"] = sum(pod["status"]["phase"] == "Running" for pod in pods)
        for key, value in counts.items():
            status.pop(key, None)
            if value or key == "ready":
                status[key] = value

    def _conclude(self, status: Json, type: str, reason: str, message: str) -> None:
        at = now()
        condition = {"type": type, "status": "True", "lastProbeTime": at, "lastTransitionTime": at}
        status["conditions"] = [{**condition, "reason": reason, "message": message}]

    def _make_pod(self, job: Json, index: int) -> Json:
        template, name, uid = job["spec"]["template"], job["metadata"]["name"], job["metadata"]["uid"]
        indexed = job["spec"].get("completionMode") == "Indexed"
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        own = {"job-name": name, "controller-uid": uid}
        own |= {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
        spec = copy.deepcopy(template["spec"])
        if indexed:
            variables = spec["containers"][0].setdefault("env", [])
            if all(variable["name"] != "JOB_COMPLETION_INDEX" for variable in variables):
                variables.append({"name": "JOB_COMPLETION_INDEX", "value": str(index)})
        annotations = {**((template.get("metadata") or {}).get("annotations") or {})}
        annotations |= {"batch.kubernetes.io/job-completion-index": str(index)} if indexed else {}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True}
        pod = {
            "metadata": {
                "name": f"{name}-{index}-{suffix}" if indexed else f"{name}-{suffix}",
                "namespace": job["metadata"]["namespace"],
                "labels": {**((template.get("metadata") or {}).get("labels") or {}), **own},
                "annotations": annotations,
                "ownerReferences": [owner],
                "finalizers": ["batch.kubernetes.io/job-tracking"],
            },
            "spec": spec,
            "status": {"phase": "Pending"},
        }
        self.objects.add("pods", pod)
        return pod

    # pods

    def delete_pod(self, pod: Json) -> None:
        """Begin to delete a pod: its containers are asked to end first."""
        if not pod["metadata"].get("deletionTimestamp"):
            self.node.stop(pod)
            pod["metadata"]["deletionTimestamp"] = now()
            self.objects.tell("pods", "MODIFIED", pod)

    def _move(self, pod: Json) -> None:
        before, state = copy.deepcopy(pod["status"]), state_of(pod)
        told = self._is_past_deadline(pod)
        if state == "running":
            if told and not pod["status"].get("told"):
                self.node.stop(pod)
                pod["status"]["told"] = True
            if pod["status"].get("told"):
                pod["status"].setdefault("reason", "DeadlineExceeded")
            self.node.look(pod)
        elif pod["metadata"].get("deletionTimestamp"):
            if not self.replaces and pod["status"]["phase"] == "Pending":
                pod["status"]["phase"] = "Failed"
            if self.replaces or self._is_counted(pod):
                self.node.clear(pod)
                self.objects.remove("pods", pod)
                return
        elif told and state == "waiting":
            pod["status"]["reason"] = "DeadlineExceeded"
            end(pod, 137, "Error", "")
        elif state != "terminated" and not (self.paused and state == "waiting") and self._step(pod):
            self._place(pod, state)
        if pod["status"] != before:
            self.objects.tell("pods", "MODIFIED", pod)

    def _is_past_deadline(self, pod: Json) -> bool:
        deadline = pod["spec"].get("activeDeadlineSeconds")
        began = self._since.setdefault(f"{pod['metadata']['uid']} began", time.monotonic())
        return deadline is not None and (deadline == 1 or time.monotonic() - began >= deadline)

    def _is_counted(self, pod: Json) -> bool:
        """Whether a pod's Job has taken its end into account: before that the finalizer of Jobs keeps the pod."""
        uid = pod["metadata"]["ownerReferences"][0]["uid"]
        job = next((job for job in self.objects.all("jobs") if job["metadata"]["uid"] == uid), None)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return True
        return bool((job.get("status") or {}).get("conditions"))

    def _place(self, pod: Json, state: str) -> None:
        reason = unplaceable(pod, self.claims)
        if reason:
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": reason}
            pod["status"]["conditions"] = [condition]
        elif not state:
            pod["spec"]["nodeName"] = "node"
            name = pod["spec"]["containers"][0]["name"]
            waiting = {"name": name, "state": {"waiting": {"reason": "ContainerCreating"}}}
            pod["status"] |= {"conditions": [], "startTime": now(), "containerStatuses": [waiting]}
        else:
            self.node.start(pod)
