"""Reads one task of a Swarm's service. Pure.

Tasks are as ``GET /tasks`` returns them (Docker Engine API reference).
"""

from collections.abc import Sequence
from typing import Any

from pfcon.compute.docker_api.log_source import Ask, log_source
from pfcon.compute.docker_api.phase import Phase
from pfcon.compute.log_copy import prefix_of
from pfcon.compute.timed_log import TimedSource
from pfcon.compute.unreadable import note

# Status.State of a task (Docker manual, "Swarm task states"): the phase, and the message for users.
_STATES = {
    "new": (Phase.WAITING, "waiting for a machine"),
    "allocated": (Phase.WAITING, "waiting for a machine"),
    "pending": (Phase.WAITING, "waiting for a machine"),
    "assigned": (Phase.WAITING, "waiting for its machine to accept it"),
    "accepted": (Phase.WAITING, "waiting for its machine to accept it"),
    "preparing": (Phase.WAITING, "its machine prepares it, and fetches the image if needed"),
    "ready": (Phase.WAITING, "starting"),
    "starting": (Phase.WAITING, "starting"),
    "running": (Phase.RUNNING, ""),
    "complete": (Phase.ENDED, ""),
    "failed": (Phase.ENDED, "it could not be run"),
    "rejected": (Phase.ENDED, "its machine rejected it"),
    "shutdown": (Phase.ENDED, "the machine was drained or failed, or somebody changed the job in Swarm"),
    "orphaned": (Phase.ENDED, "its machine was down for too long"),
    "remove": (Phase.ENDED, "it is being removed"),
}
WITHOUT_NODE = ("new", "allocated", "pending")  # no node has it yet
WITH_NODE_ONLY = ("assigned", "accepted", "preparing")  # its node makes the container, and fetches the image before
WANTED = ("new", "assigned", "accepted", "preparing", "ready", "running")  # DesiredState of a task that is to run


def image_and_command(task: dict[str, Any]) -> tuple[str, str]:
    """Return the image of a task and the first word of its command."""
    container = task["Spec"]["ContainerSpec"]
    return str(container["Image"]), next(iter(container.get("Command") or [""]))


def log_sources(ask: Ask, tasks: Sequence[dict[str, Any]]) -> list[TimedSource]:
    """Return the logs of a job's workers, by their tasks in order. One without a container would be waited for."""
    return [
        log_source(ask, "tasks", task["ID"], prefix_of(worker, len(tasks)), ended=has_ended(task))
        for worker, task in enumerate(tasks)
        if container_of(task)
    ]


def container_of(task: dict[str, Any]) -> str:
    """Return the ID of a task's container; ``""`` before it exists."""
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID") or "")


def has_ended(task: dict[str, Any]) -> bool:
    """Return whether a task has ended. One that waits for a node but has to end counts as ended: it never runs."""
    return phase_of(task) is Phase.ENDED or (state_of(task) in WITHOUT_NODE and task["DesiredState"] not in WANTED)


def phase_of(task: dict[str, Any]) -> Phase:
    """Return the phase of a task; log a warning for a state that is not documented."""
    state = state_of(task)
    if state not in _STATES:
        note(f"task {task.get('ID')} of the Swarm is in the unknown state {state!r}")
        return Phase.UNKNOWN
    return _STATES[state][0]


def describe(task: dict[str, Any]) -> str:
    """Return the message for users about a task's state; ``""`` if it runs, or has ended by itself with success."""
    state = state_of(task)
    return _STATES[state][1] if state in _STATES else f"the task is {state}"


def state_of(task: dict[str, Any]) -> str:
    """Return Status.State of a task."""
    return str(task["Status"]["State"])


def memory_limit(task: dict[str, Any]) -> int:
    """Return the memory limit of a task in bytes; 0 for none."""
    return int(((task["Spec"].get("Resources") or {}).get("Limits") or {}).get("MemoryBytes") or 0)


def exit_code_of(task: dict[str, Any]) -> int:
    """Return the exit code of a task's container; 0 if it has none."""
    return int((task["Status"].get("ContainerStatus") or {}).get("ExitCode") or 0)
