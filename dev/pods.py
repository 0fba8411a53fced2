"""Says why pods can't start or crash, for dev/rollout.sh; standard library alone.

``pods.py``: reads what ``kubectl get pods -o json`` prints from its standard input. Only the pods that were made last
count: those of an earlier rollout are on their way out. Prints ``POD: why``, or nothing. Exit status 0 while a pod may
still become ready, 3 when it can't start, 4 when it crashes, so that its log says more.
"""

from __future__ import annotations

import json
import sys
from typing import Any

MAY_START, CAN_NOT_START, CRASHES = 0, 3, 4
WRONG_SETTINGS = 2  # the exit status of pfcon for settings that it refuses
NO_IMAGE = ("ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")  # after a first attempt
NO_CONTAINER = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
Json = dict[str, Any]


def newest(pods: list[Json]) -> list[Json]:
    """The pods of the latest rollout that are not being deleted."""
    there = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    last = max(there, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)
    return [] if last is None else [pod for pod in there if generation(pod) == generation(last)]


def generation(pod: Json) -> str:
    """What the pods of one rollout have in common."""
    return str((pod["metadata"].get("labels") or {}).get("pod-template-hash"))


def trouble(pod: Json) -> tuple[int, str]:
    """The exit status for a pod, and why."""
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    found = [told for container in containers if (told := of_container(container))[1]]
    return max(found, default=(MAY_START, unscheduled(status)))


def of_container(container: Json) -> tuple[int, str]:
    """The same of one container."""
    image, state = container.get("image"), container.get("state") or {}
    waiting: Json = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    if reason == "ErrImagePull":
        return MAY_START, f"its image {image} can't be fetched, trying again: {message}"
    if reason in NO_IMAGE:
        return CAN_NOT_START, f"its image {image} can't be fetched: {message or reason}"
    if reason in NO_CONTAINER:
        return CAN_NOT_START, f"its container can't be created, look at its configuration: {message or reason}"
    ended: Json = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if ended.get("exitCode") and (reason == "CrashLoopBackOff" or container.get("restartCount", 0) > 1):
        return CRASHES, f"it crashes: {ending(ended)}"
    return MAY_START, ""


def ending(ended: Json) -> str:
    """How a container has ended."""
    code = ended["exitCode"]
    if code == WRONG_SETTINGS:
        return "pfcon refuses its configuration (exit code 2)"
    return f"exit code {code}" + (f" ({ended['reason']})" if ended.get("reason") not in (None, "Error") else "")


def unscheduled(status: Json) -> str:
    """Why no node takes the pod; empty when one does."""
    for condition in status.get("conditions") or []:
        if (condition.get("type"), condition.get("status")) == ("PodScheduled", "False"):
            return f"no node takes it: {condition.get('message')}"
    return ""


def main() -> int:
    """The command line."""
    try:
        pods: list[Json] = json.load(sys.stdin)["items"]
    except (ValueError, KeyError, TypeError):
        return MAY_START  # kubectl has said why
    found = [(*trouble(pod), str(pod["metadata"]["name"])) for pod in newest(pods)]
    status, why, name = max(found, default=(MAY_START, "", ""))
    if why:
        print(f"{name}: {' '.join(why.split())}")
    return status


if __name__ == "__main__":
    sys.exit(main())
