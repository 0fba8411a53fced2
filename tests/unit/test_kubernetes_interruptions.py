"""Which ends of a Kubernetes job were not its own doing, by what real API servers answered."""

import copy
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from support import kubernetes_lives
from support.kubernetes_lives import LIVES

from pfcon.compute.kubernetes.pod_ends import DELETED
from pfcon.compute.kubernetes.views import NOTE_ANNOTATION, Note
from pfcon.models import JobStatus
from pfcon.reasons import Reason, Why

told = partial(kubernetes_lives.told, age=600)
LOW = "The node was low on resource: memory. Container job was using 5Mi, which exceeds its request of 0. "
# What the kubelet's eviction manager says (pkg/kubelet/eviction/helpers.go).
SHARED_MEMORY = 'Usage of EmptyDir volume "shm" exceeds the limit "64Mi". '
DISK = 'Container job exceeded its local ephemeral storage limit "1Gi". '
ALL_DISKS = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "


def evicted(message: str) -> dict[str, Any]:
    return {"phase": "Failed", "reason": "Evicted", "message": message}


def terminated(**state: Any) -> dict[str, Any]:
    """The status of a pod whose container has ended in that way."""
    ended = {"reason": "Error", "containerID": "containerd://5", **state}
    return {"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}


def with_pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    sight = copy.deepcopy(LIVES["exit-3"][-1])
    sight["pods"][0]["status"] = status
    sight["pods"][0]["metadata"] |= metadata
    return sight


@pytest.mark.parametrize("case", ["exit-3", "segfault", "memory", "command", "executable", "deadline", "cancelled"])
def test_a_recorded_end_that_is_its_own_or_pfcons_is_no_interruption(case: str) -> None:
    info = told(LIVES[case][-1])
    assert (info.status, info.interrupted) == (JobStatus.FAILED, False)


@pytest.mark.parametrize(
    ("status", "interrupted"),
    [
        (terminated(exitCode=143), True),
        (terminated(exitCode=137), True),
        (terminated(exitCode=134), False),
        (terminated(exitCode=0), False),  # the cluster calls it failed all the same
        (terminated(exitCode=137, reason="OOMKilled"), False),
        (terminated(exitCode=137, reason="ContainerStatusUnknown"), True),
        (terminated(exitCode=128, reason="StartError", message="x"), False),
        (terminated(exitCode=255), False),
        (terminated(exitCode=255, reason="Unknown"), True),  # a containerd that came back
        (terminated(exitCode=255, containerID="docker://5"), True),
        (terminated(exitCode=255, containerID="cri-o://5"), True),
        (evicted(LOW), True),
        (evicted(SHARED_MEMORY), False),
        (evicted(DISK), False),
        (evicted(ALL_DISKS), False),
        ({"phase": "Failed", "reason": "NodeLost"}, True),
        ({"phase": "Failed", "reason": "NodeShutdown"}, True),
        ({"phase": "Failed", "reason": "Terminated"}, True),
        ({"phase": "Failed", "reason": "Preempting"}, True),
        ({"phase": "Failed", "reason": "OutOfcpu"}, True),
        ({"phase": "Failed", "reason": "SysctlForbidden"}, False),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, False),
        ({"phase": "Failed"}, True),
    ],
)
def test_a_job_was_interrupted_when_its_end_was_not_its_own_doing(status: dict[str, Any], interrupted: bool) -> None:
    info = told(with_pod(status))
    assert (info.status, info.interrupted) == (JobStatus.FAILED, interrupted), info.message


def test_a_disruption_is_an_interruption_whatever_the_exit_code() -> None:
    target = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    info = told(with_pod({**terminated(exitCode=1), "conditions": [target]}))
    assert info.interrupted
    assert (info.reason, info.message) == (Reason.EVICTED, "removed from its machine: PreemptionByScheduler")


def test_a_pod_that_was_deleted_while_it_ran_was_interrupted() -> None:
    at = {"deletionTimestamp": "2026-11-20T09:40:11Z", "deletionGracePeriodSeconds": 30}
    info = told(with_pod(terminated(exitCode=0, finishedAt="2026-11-20T09:39:50Z"), **at))
    assert (info.message, info.reason, info.interrupted) == (DELETED.message, Reason.EVICTED, True)


def test_a_job_whose_failed_pod_is_gone_was_interrupted() -> None:
    sight = copy.deepcopy(LIVES["exit-3"][-1])
    sight["pods"] = []
    assert told(sight).interrupted


def test_a_job_that_has_failed_stays_so_while_its_pods_are_being_deleted() -> None:
    """Its controller has decided, and says Failed only when the last pod has gone."""
    sight = copy.deepcopy(LIVES["workers"][-1])
    decided = {"type": "FailureTarget", "status": "True", "reason": "PodFailurePolicy"}
    sight["job"]["status"] = {"conditions": [{**decided, "lastTransitionTime": "2026-11-20T09:40:12Z"}]}
    first, second = sight["pods"]
    first["metadata"] |= {"deletionTimestamp": "2026-11-20T09:40:11Z", "deletionGracePeriodSeconds": 30}
    first["status"] = terminated(exitCode=137, finishedAt="2026-11-20T09:39:50Z")
    second["metadata"]["deletionTimestamp"] = "2026-11-20T09:40:12Z"
    second["status"] = terminated(exitCode=137, finishedAt="2026-11-20T09:40:13Z")
    seen = []
    for pods in ([first, second], [second], []):
        sight["pods"] = pods
        info = told(sight)
        assert info.finished_at is not None
        seen.append((info.status, info.message, info.interrupted))
    assert seen == [(JobStatus.FAILED, DELETED.message, True)] * 3


@pytest.mark.parametrize("lost", [False, True])
def test_a_job_that_pfcon_ended_was_interrupted_only_when_it_had_lost_a_pod(lost: bool) -> None:
    sight = copy.deepcopy(LIVES["cancelled"][-1])
    made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"])
    note = Note(Why("a reason"), made + timedelta(seconds=1), lost=lost)
    sight["job"]["metadata"]["annotations"][NOTE_ANNOTATION] = note.annotation()
    info = told(sight)
    assert (info.status, info.message, info.interrupted) == (JobStatus.FAILED, "a reason", lost)


def test_of_several_workers_the_first_that_failed_decides() -> None:
    sight = copy.deepcopy(LIVES["workers"][-1])
    sight["job"]["status"] = {"failed": 2}
    first, second = (pod["metadata"]["name"] for pod in sight["pods"])
    for code, other, interrupted in ((3, 137, False), (137, 3, True)):
        ended = {first: (code, "2026-11-20T09:40:01Z"), second: (other, "2026-11-20T09:40:02Z")}
        for pod in sight["pods"]:
            number, at = ended[pod["metadata"]["name"]]
            pod["status"] = terminated(exitCode=number, finishedAt=at)
        assert told(sight).interrupted is interrupted
