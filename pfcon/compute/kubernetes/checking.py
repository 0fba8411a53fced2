"""What ``pfcon check`` says about a cluster."""

from typing import TYPE_CHECKING

from pfcon.compute.kubernetes.spec import JOB_TYPE_LABEL
from pfcon.errors import Refused

if TYPE_CHECKING:  # the library takes a second to import
    from pfcon.compute.kubernetes.client import KubernetesCalls


def check(calls: "KubernetesCalls", namespace: str) -> str:
    """Return the version and address of a cluster. Lists Jobs and pods, to detect missing permissions.

    Raises Unreachable, Refused.
    """
    version = calls.version()
    next(calls.pages("jobs", JOB_TYPE_LABEL))
    next(calls.pages("pods", JOB_TYPE_LABEL))
    return f"Kubernetes {version} at {calls.where}, namespace {namespace}{_limits(calls)}"


def _limits(calls: "KubernetesCalls") -> str:
    try:
        calls.events_of("none")
    except Refused:
        return "; without the right to list events, messages do not say which quota is used up"
    return ""
