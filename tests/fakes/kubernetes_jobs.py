"""The controller of the fake cluster's Jobs: they get pods, and follow what became of them.

As on a real one, a Job counts an ended pod a moment later: its uid is in ``uncountedTerminatedPods`` first, and then
its finalizer goes. From 1.31 a Job that ends tells so by SuccessCriteriaMet or FailureTarget, and is Complete or Failed
with its last pod. 1.20 has none of that, and gives a pod that is deleted another one in its place.
"""

import copy
import random
import string
import time
from collections.abc import Callable

from .kubernetes_generations import Generation
from .kubernetes_objects import Json, Objects, Steps, now
from .kubernetes_policies import failing_rule, meets_success_policy

REPLACED = 4.0  # seconds until a kubelet begins a pod that was made in another's place
TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
DEATH = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}
ENDED = {"Succeeded": "succeeded", "Failed": "failed"}


class JobController:
    """Reconciles Jobs. delete_pod: begins to delete a pod."""

    def __init__(
        self, objects: Objects, steps: Steps, generation: Generation, delete_pod: Callable[[Json], None]
    ) -> None:
        self._objects = objects
        self._steps = steps
        self._generation = generation
        self._delete_pod = delete_pod

    def reconcile(self, job: Json, *, paused: bool) -> None:
        """Look at one Job. paused: one that is being deleted stays."""
        pods, status = self.pods_of(job), job.get("status") or {}
        before = copy.deepcopy(status)
        held = {condition["type"] for condition in status.get("conditions") or []}
        if job["metadata"].get("deletionTimestamp"):
            if not paused:
                self._delete(job, pods)
            return
        if held & {"Complete", "Failed"}:
            return
        if not status:
            self._begin(job)
        elif self._steps.due(job):
            self._follow(job, status, pods, held)
        if job["status"] != before:
            self._objects.tell("jobs", "MODIFIED", job)

    def pods_of(self, job: Json) -> list[Json]:
        """The pods that a Job owns."""
        uid = job["metadata"]["uid"]
        return [
            pod for pod in self._objects.all("pods") if uid in (o["uid"] for o in pod["metadata"]["ownerReferences"])
        ]

    def _delete(self, job: Json, pods: list[Json]) -> None:
        for pod in pods:
            self._delete_pod(pod)
            pod["metadata"]["finalizers"] = []
        if not pods:
            self._objects.remove("jobs", job)

    def _begin(self, job: Json) -> None:
        status = job["status"] = {"startTime": now()}
        if self._generation.counts_ready:
            status |= {"terminating": 0, "uncountedTerminatedPods": {}, "ready": 0}
        for index in range(job["spec"].get("parallelism", 1)):
            self._make_pod(job, index)
        status["active"] = job["spec"].get("parallelism", 1)

    def _follow(self, job: Json, status: Json, pods: list[Json], held: set[str]) -> None:
        new = self._note_ended(job, status, pods)
        target = next(iter(held & set(DEATH)), None)
        alive = [pod for pod in pods if pod["status"]["phase"] not in ENDED]
        if target:
            if not alive:
                condition = next(c for c in status["conditions"] if c["type"] == target)
                self._end(status, DEATH[target], condition)
        elif found := self._end_of(job, pods, new):
            for pod in alive:
                self._delete_pod(pod)
            type, reason, message = found
            at = now()
            condition = {"type": type, "status": "True", "lastProbeTime": at, "lastTransitionTime": at}
            condition |= {"reason": reason, "message": message}
            if self._generation.targets:
                status["conditions"] = [condition]
            else:
                self._end(status, DEATH[type], condition)
        elif not self._generation.tracks_pods:
            self._replace(job, pods)
        self._tell_active(status, self.pods_of(job))

    def _end(self, status: Json, type: str, condition: Json) -> None:
        status["conditions"] = [*(status.get("conditions") or []), {**condition, "type": type}]
        if not self._generation.targets and type == "Complete":
            for key in ("reason", "message"):
                status["conditions"][-1].pop(key)
        if type == "Complete":
            status["completionTime"] = now()

    def _note_ended(self, job: Json, status: Json, pods: list[Json]) -> dict[str, list[Json]]:
        """Count the pods that have ended; return those that were not counted before, by their phase.

        From 1.26 each pod is noted first, and counted at the next step. ``succeeded`` and ``failed`` are absent when
        they are 0.
        """
        ended = {phase: [pod for pod in pods if self._phase(job, pod) == phase] for phase in ENDED}
        if not self._generation.tracks_pods:
            for phase, key in ENDED.items():
                if ended[phase]:
                    status[key] = len(ended[phase])
            return ended
        for key, uids in (status.get("uncountedTerminatedPods") or {}).items():
            status[key] = status.get(key, 0) + len(uids)
        new = {phase: [pod for pod in ended[phase] if TRACKING in pod["metadata"]["finalizers"]] for phase in ENDED}
        for pod in (*new["Succeeded"], *new["Failed"]):
            pod["metadata"]["finalizers"] = []
            self._objects.tell("pods", "MODIFIED", pod)
        status["uncountedTerminatedPods"] = {
            ENDED[phase]: [pod["metadata"]["uid"] for pod in new[phase]] for phase in ENDED if new[phase]
        }
        return new

    def _phase(self, job: Json, pod: Json) -> str:
        """The phase of a pod as its Job takes it: without podFailurePolicy, one that is being deleted has failed."""
        phase = str(pod["status"]["phase"])
        gone = self._generation.tracks_pods and pod["metadata"].get("deletionTimestamp") and phase not in ENDED
        if gone and "podFailurePolicy" not in job["spec"] and job["spec"].get("podReplacementPolicy") != "Failed":
            return "Failed"
        return phase

    def _end_of(self, job: Json, pods: list[Json], new: dict[str, list[Json]]) -> tuple[str, str, str] | None:
        """Why a Job ends: a condition's type, reason and message; None while it does not. new: pods that have ended."""
        spec, status = job["spec"], job["status"]
        noted = status.get("uncountedTerminatedPods") or {}
        succeeded, failed = (status.get(key, 0) + len(noted.get(key) or ()) for key in ENDED.values())
        rule = next(filter(None, (failing_rule(spec, pod) for pod in new["Failed"])), "")
        deadline, began = spec.get("activeDeadlineSeconds"), self._steps.since(f"{job['metadata']['uid']} began")
        if rule:
            return "FailureTarget", "PodFailurePolicy", rule
        if failed > spec.get("backoffLimit", 6):
            return "FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        if deadline and time.monotonic() - began > deadline:
            return "FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline"
        if meets_success_policy(spec, {_index(pod) for pod in pods if pod["status"]["phase"] == "Succeeded"}):
            return "SuccessCriteriaMet", "SuccessPolicy", "Matched rules at index 0"
        if succeeded >= spec.get("completions", 1):
            return "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"
        return None

    def _replace(self, job: Json, pods: list[Json]) -> None:
        there = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        for index in range(job["spec"].get("completions", 1) - len(there)):
            uid = self._make_pod(job, index)["metadata"]["uid"]
            self._steps.delay(uid, REPLACED)

    def _tell_active(self, status: Json, pods: list[Json]) -> None:
        """Tell the counts of pods that have not ended. ``active`` is absent when it is 0."""
        alive = [pod for pod in pods if pod["status"]["phase"] not in ENDED]
        going = [pod for pod in alive if pod["metadata"].get("deletionTimestamp")]
        active = len(alive) - (len(going) if self._generation.tracks_pods else 0)
        status.pop("active", None)
        if active:
            status["active"] = active
        if self._generation.counts_ready:
            ready = sum(pod["status"]["phase"] == "Running" and pod not in going for pod in alive)
            status |= {"ready": ready, "terminating": len(going)}

    def _make_pod(self, job: Json, index: int) -> Json:
        template, name, uid = job["spec"]["template"], job["metadata"]["name"], job["metadata"]["uid"]
        indexed = job["spec"].get("completionMode") == "Indexed"
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        own = {"job-name": name, "controller-uid": uid}
        if self._generation.tracks_pods:
            own |= {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
        spec = copy.deepcopy(template["spec"])
        annotations = {**((template.get("metadata") or {}).get("annotations") or {})}
        if indexed:
            variables = spec["containers"][0].setdefault("env", [])
            if all(variable["name"] != "JOB_COMPLETION_INDEX" for variable in variables):
                variables.append({"name": "JOB_COMPLETION_INDEX", "value": str(index)})
            annotations |= {INDEX: str(index)}
            own |= {INDEX: str(index)} if self._generation.counts_ready else {}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True}
        pod = {
            "metadata": {
                "name": f"{name}-{index}-{suffix}" if indexed else f"{name}-{suffix}",
                "namespace": job["metadata"]["namespace"],
                "labels": {**((template.get("metadata") or {}).get("labels") or {}), **own},
                "annotations": annotations,
                "ownerReferences": [owner],
                "finalizers": [TRACKING] if self._generation.tracks_pods else [],
            },
            "spec": spec,
            "status": {"phase": "Pending"},
        }
        self._objects.add("pods", pod)
        return pod


def _index(pod: Json) -> int:
    return int(pod["metadata"]["annotations"].get(INDEX, 0))
