"""Reads when, where and with what a pod's container ran, and how it ended. Pure."""

from datetime import datetime
from typing import Any

from pfcon.compute.details import digest_of, node_names, own_exit_code
from pfcon.compute.exits import was_lost
from pfcon.compute.unreadable import reading, utc
from pfcon.models import RunDetails

# state.terminated.reason of a container whose command could not be run: of dockershim, and of containerd and CRI-O.
NOT_STARTED = frozenset({"ContainerCannotRun", "StartError"})
NO_RECORD = "ContainerStatusUnknown"  # of a container of which its node knows nothing: the exit code is invented


def is_lost(terminated: dict[str, Any]) -> bool:
    """Return whether a container has ended in an unknown way. terminated: its final state, of its status.

    containerd reports Unknown for a lost container, which distinguishes it from a job's own exit code.
    """
    own = str(terminated.get("containerID")).startswith("containerd:") and terminated.get("reason") != "Unknown"
    return was_lost(int(terminated.get("exitCode") or 0)) and not own


def run_of(pod: dict[str, Any]) -> RunDetails:
    """Return the details of a pod's run; empty if the pod can't be read. Before its start: at most ``placed_at``."""
    return reading("a pod's container", lambda: _run_of(pod), lambda _: RunDetails())


def _run_of(pod: dict[str, Any]) -> RunDetails:
    placed = _placed_at(pod)
    container: dict[str, Any] = next(iter((pod.get("status") or {}).get("containerStatuses") or []), {})
    state = container.get("state") or {}
    ended, running = state.get("terminated") or {}, state.get("running") or {}
    if not (ended or running) or ended.get("reason") in NOT_STARTED:
        return RunDetails(placed_at=placed)
    return RunDetails(
        started_at=utc((ended or running).get("startedAt")),
        exit_code=_exit_code(ended) if ended else None,
        node=node_names([(pod.get("spec") or {}).get("nodeName")]),
        image_digest=digest_of(container.get("imageID")),
        placed_at=placed,
    )


def _placed_at(pod: dict[str, Any]) -> datetime | None:
    """Return when the pod got its node, in whole seconds ("Pod conditions" in the manual's page "Pod Lifecycle")."""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return utc(condition.get("lastTransitionTime"))
    return None


def _exit_code(ended: dict[str, Any]) -> int | None:
    code = ended.get("exitCode")
    if not isinstance(code, int) or ended.get("reason") == NO_RECORD or is_lost(ended):
        return None
    return code if was_lost(code) and code >= 0 else own_exit_code(code)
