"""Why a pod has failed: by the cluster's words, then by its container's. Pure."""

import json
import re
from collections.abc import Callable

from pfcon.compute.exits import at_time_limit, by_engine, by_exit_code
from pfcon.compute.kubernetes.run import NO_RECORD, NOT_STARTED, is_lost
from pfcon.compute.kubernetes.sight import Sight, time_of
from pfcon.compute.kubernetes.spec import MARK_MOUNT, MIN_DEADLINE, TIME_LIMIT_ANNOTATION
from pfcon.compute.runtimes import CODES, failure_in_log, start_failure
from pfcon.compute.unreadable import labels_of
from pfcon.compute.words import plain
from pfcon.reasons import Reason, Why, explain

OTHER_CLAIM = explain(
    Reason.ENGINE_SETUP,
    cause="the volume that jobs mount (VOLUME_NAME or STOREBASE) is not the storeBase that this service sees "
    "(STOREBASE_MOUNT)",
)
DELETED = explain(
    Reason.EVICTED,
    cause="Kubernetes or one of its users removed the job, for example because the machine was drained or lost",
    interrupted=True,
)

# status.reason of a pod that its node or the cluster has ended.
_ENDED_BY_CLUSTER: dict[str, tuple[Reason, str]] = {
    "Evicted": (Reason.EVICTED, "the machine protected itself"),
    "NodeLost": (Reason.NODE_LOST, ""),
    "NodeShutdown": (Reason.INTERRUPTED, "its machine was shut down"),
    "Terminated": (Reason.INTERRUPTED, "its machine was shut down"),
    "Shutdown": (Reason.INTERRUPTED, "its machine was shut down"),
    "Preempting": (Reason.PREEMPTED, ""),
    "NodeAffinity": (Reason.EVICTED, "the machine does not match the job's node selector"),
    "UnexpectedAdmissionError": (Reason.EVICTED, "the machine did not admit it"),
    "DeadlineExceeded": (Reason.TIME_LIMIT, ""),
}
_OUT_OF_RESOURCE = "OutOf"  # and a resource, as OutOfcpu: the kubelet has less than the scheduler had assumed
# An eviction because of the pod's own use (pkg/kubelet/eviction/helpers.go); others protect the node.
_OWN_LIMIT = re.compile(r"exceed(?:s|ed) .*\blimit\b")


def end_of(sight: Sight) -> Why:
    """Return why a pod has failed."""
    return next(why for rule in _RULES if (why := rule(sight)))


def _at_time_limit(sight: Sight) -> Why | None:
    annotations = labels_of(sight.pod["metadata"], "annotations")
    minutes, deadline = annotations.get(TIME_LIMIT_ANNOTATION), sight.pod["spec"].get("activeDeadlineSeconds")
    if not minutes or deadline == MIN_DEADLINE or sight.status.get("reason") != "DeadlineExceeded":
        return None
    return at_time_limit(int(minutes))


def _by_cluster(sight: Sight) -> Why | None:
    named, text = str(sight.status.get("reason") or ""), plain(str(sight.status.get("message") or ""))
    known = _ENDED_BY_CLUSTER.get(named)
    if known is None and (not named or sight.ended):
        return None
    if known is None:
        lacking = named.removeprefix(_OUT_OF_RESOURCE) if named.startswith(_OUT_OF_RESOURCE) else ""
        if lacking:
            cause = _with_text(f"its machine has too little {lacking}", text)
            return explain(Reason.UNSCHEDULABLE, cause=cause, interrupted=True)
        return by_engine(text or named)
    reason, cause = known
    own = reason is Reason.TIME_LIMIT or (reason is Reason.EVICTED and bool(_OWN_LIMIT.search(text)))
    cause = text if named == "Evicted" and text else _with_text(cause, text)
    return explain(reason, cause=cause, node=sight.node, interrupted=not own, detail=text)


def _with_text(cause: str, text: str) -> str:
    """Return a cause with the cluster's own words, which may name the device or the amount that a machine lacks."""
    return ": ".join(filter(None, (cause, text)))


def _disrupted(sight: Sight) -> Why | None:
    for condition in sight.status.get("conditions") or []:
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            text = plain(str(condition.get("message") or condition.get("reason")))
            return explain(Reason.EVICTED, cause=text, interrupted=True, detail=text)
    return None


def _deleted(sight: Sight) -> Why | None:
    since, finished = sight.deleted_at, time_of(sight.ended.get("finishedAt"))
    return DELETED if since and (not finished or finished >= since) else None


def _still_waits(sight: Sight) -> Why | None:
    """Return why a node has not started a container, by its words about the last try, if it tells no end of it."""
    text = "" if sight.ended else str((sight.now.get("waiting") or {}).get("message") or "")
    return _start_fault(sight, text) if text else None


def _without_exit(sight: Sight) -> Why | None:
    if sight.ended:
        return None
    text = plain(str(sight.status.get("message") or ""))
    return explain(Reason.END_UNKNOWN, cause=text, interrupted=True, detail=text or _seen(sight))


def _seen(sight: Sight) -> str:
    """Return what the node tells of the container, for the log."""
    return plain(f"containerStatuses: {json.dumps(sight.status.get('containerStatuses'))}")


def _start_fault(sight: Sight, text: str) -> Why:
    if MARK_MOUNT in text:
        return OTHER_CLAIM
    known = start_failure(text, sight.image, sight.command)
    return known or explain(Reason.ENGINE_FAULT, cause=plain(text), detail=plain(text))


def _not_started(sight: Sight) -> Why | None:
    text = str(sight.ended.get("message") or "")
    if sight.ended.get("reason") in NOT_STARTED:
        return _start_fault(sight, text)
    code = sight.ended.get("exitCode")
    return failure_in_log(text, sight.image, sight.command) if code in CODES else None  # FallbackToLogsOnError


def _by_container(sight: Sight) -> Why:
    if sight.ended.get("reason") == NO_RECORD:
        return explain(Reason.END_UNKNOWN, cause="its machine may have been restarted", interrupted=True)
    code, lost = int(sight.ended.get("exitCode") or 0), is_lost(sight.ended)
    oom_killed = sight.ended.get("reason") == "OOMKilled"
    why = by_exit_code(code, sight.limit, oom_killed=oom_killed, may_be_lost=lost)
    text = plain(str(sight.status.get("message") or ""))
    return why or explain(Reason.END_UNKNOWN, cause=text, interrupted=lost, detail=text or _seen(sight))


# A reason of the cluster counts before the exit code, which is then that of a killed container.
_RULES: tuple[Callable[[Sight], Why | None], ...] = (
    _at_time_limit,
    _by_cluster,
    _disrupted,
    _deleted,
    _still_waits,
    _without_exit,
    _not_started,
    _by_container,
)
