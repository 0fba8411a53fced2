"""The fake cluster: Jobs get pods (``kubernetes_jobs``), and pods get on here, as a kubelet has them.

What surprises is as on a real one: a Job whose pod can't start is active; a deadline of a Job deletes its pods, that of
a pod leaves it; deletion is done only when the pods are gone. What differs between releases: ``Generation``.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pfcon.errors import PfconError
from pfcon.paths import StoreBase

from .kubernetes_generations import TODAY, Generation
from .kubernetes_jobs import JobController
from .kubernetes_nodes import Node, end, state_of, turn_back, unplaceable
from .kubernetes_objects import Json, Objects, Steps, now

_log = logging.getLogger(__name__)
TICK = 0.03  # seconds
ENDING = 1.0  # seconds in which a kubelet ends a pod that could not start


class Cluster:
    """A namespace or several, a claim or several, and one node. Runs a thread between ``start`` and ``stop``.

    ``tick``: seconds between two looks at all objects. ``paused``: no container is started, and no
    Job that is being deleted goes.
    """

    def __init__(
        self,
        storebase: StoreBase,
        *,
        claims: set[str],
        namespaces: set[str],
        images: set[str],
        generation: Generation = TODAY,
    ) -> None:
        self.objects = Objects()
        self.claims, self.namespaces = claims, namespaces
        self.generation = generation
        self.tick = TICK
        self.paused = False
        tools = Path(storebase.private_dir("fake-tools"))
        tools.chmod(0o755)
        (tools / "hostname").write_text('#!/bin/sh\necho "$HOSTNAME"\n')
        (tools / "hostname").chmod(0o755)
        self.node = Node(storebase, images, str(tools), generation)
        self._steps = Steps()
        self._jobs = JobController(self.objects, self._steps, generation, self.delete_pod)
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
                    self._try(lambda item: self._jobs.reconcile(item, paused=self.paused), job)
                for pod in self.objects.all("pods"):
                    self._try(self._move, pod)

    def _try(self, step: Callable[[Json], None], item: Json) -> None:
        """What the node can't do now, on a machine that is busy, is tried again at the next tick."""
        try:
            step(item)
        except PfconError as fault:
            _log.warning("%s: %s", item["metadata"]["name"], fault)

    def delete_pod(self, pod: Json) -> None:
        """Begin to delete a pod: its containers are asked to end first."""
        if not pod["metadata"].get("deletionTimestamp"):
            self.node.stop(pod)
            pod["metadata"]["deletionTimestamp"] = now()
            self._steps.restart(f"{pod['metadata']['uid']} ending")
            if self.generation.turns_back:
                turn_back(pod)
            self.objects.tell("pods", "MODIFIED", pod)

    def evict_pod(self, pod: Json) -> None:
        """Delete a pod as a drain does. From 1.26 a condition of the pod says why."""
        if self.generation.tracks_pods:
            why = {"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
            condition = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": now(), **why}
            pod["status"]["conditions"] = [*(pod["status"].get("conditions") or []), condition]
        self.delete_pod(pod)

    def _move(self, pod: Json) -> None:
        before, state = copy.deepcopy(pod["status"]), state_of(pod)
        told = self._is_past_deadline(pod)
        if state == "running" and pod["status"]["phase"] == "Running":
            if told and not pod["status"].get("told"):
                self.node.stop(pod)
                pod["status"] |= {"told": True, "reason": "DeadlineExceeded"}
                if self.generation.tells_end_early:
                    pod["status"]["phase"] = "Failed"
            if pod["status"]["phase"] == "Running":
                self.node.look(pod)
        elif pod["metadata"].get("deletionTimestamp"):
            if self._is_gone(pod):
                self.node.clear(pod)
                self.objects.remove("pods", pod)
                return
        elif told and state == "waiting":
            pod["status"]["reason"] = "DeadlineExceeded"
            end(pod, 137, "Error", "")
        elif state in ("", "waiting") and not (self.paused and state == "waiting") and self._steps.due(pod):
            self._place(pod, state)
        if pod["status"] != before:
            self.objects.tell("pods", "MODIFIED", pod)

    def _is_gone(self, pod: Json) -> bool:
        """Whether a pod that is being deleted goes now; one that had not started has failed before that, from 1.26."""
        placed = bool(pod["spec"].get("nodeName"))
        if pod["status"]["phase"] == "Pending" and self.generation.tracks_pods:
            if placed and time.monotonic() - self._steps.since(f"{pod['metadata']['uid']} ending") < ENDING:
                return False
            pod["status"]["phase"] = "Failed"
        return not pod["metadata"]["finalizers"]

    def _is_past_deadline(self, pod: Json) -> bool:
        deadline = pod["spec"].get("activeDeadlineSeconds")
        began = self._steps.since(f"{pod['metadata']['uid']} began")
        return deadline is not None and (deadline == 1 or time.monotonic() - began >= deadline)

    def _place(self, pod: Json, state: str) -> None:
        reason = unplaceable(pod, self.claims)
        if reason:
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": reason}
            pod["status"]["conditions"] = [condition]
        elif not state:
            pod["spec"]["nodeName"] = "node"
            name = pod["spec"]["containers"][0]["name"]
            waiting = {"name": name, "state": {"waiting": {"reason": "ContainerCreating"}}}
            placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now()}
            pod["status"] |= {"conditions": [placed], "startTime": now(), "containerStatuses": [waiting]}
        else:
            self.node.start(pod)
