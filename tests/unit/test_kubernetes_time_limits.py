"""Pods that were stopped at the time limit of their job, and the deadline of all Jobs."""

from datetime import datetime, timedelta

import pytest
from support.kubernetes_lives import Sight, changed, ended_note, told

from pfcon.compute.exits import at_time_limit
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.spec import TIME_LIMIT_ANNOTATION
from pfcon.models import JobStatus
from pfcon.reasons import CANCELLED, Reason, Why


def test_the_deadline_is_a_week() -> None:
    assert timedelta(minutes=KubernetesSettings().deadline) == timedelta(days=7)


def past_time_limit(deadline: int = 3600) -> Sight:
    sight = changed("segfault", -1)
    (pod,) = sight["pods"]
    pod["metadata"]["annotations"] = {TIME_LIMIT_ANNOTATION: "60"}
    pod["spec"]["activeDeadlineSeconds"] = deadline
    text = "Pod was active on the node longer than the specified deadline"
    pod["status"] |= {"phase": "Failed", "reason": "DeadlineExceeded", "message": text}
    return sight


@pytest.mark.parametrize("workers", [1, 3])
def test_a_pod_that_was_stopped_at_its_time_limit_says_so(workers: int) -> None:
    sight = past_time_limit()
    sight["job"]["spec"]["completions"] = workers
    info = told(sight)
    assert (info.status, info.message) == (JobStatus.FAILED, "stopped at its time limit of 60 minutes")
    assert (info.reason, info.interrupted) == (Reason.TIME_LIMIT, False)


@pytest.mark.parametrize(
    ("why", "message", "reason"),
    [
        (CANCELLED, "cancelled", Reason.CANCELLED),
        (at_time_limit(1), "stopped at its time limit of 1 minute", Reason.TIME_LIMIT),
    ],
)
def test_a_pod_that_pfcon_has_stopped_has_the_message_of_its_job(why: Why, message: str, reason: Reason) -> None:
    info = told(ended_note(past_time_limit(deadline=1), why, 1), 90)
    assert (info.message, info.reason) == (message, reason)


def test_a_deadline_that_pfcon_has_not_set_is_a_time_limit_of_an_unknown_length() -> None:
    sight = past_time_limit()
    del sight["pods"][0]["metadata"]["annotations"]
    info = told(sight)
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.TIME_LIMIT, False)
    assert info.message == "stopped at its time limit"


def test_a_pod_that_an_old_kubelet_reports_before_its_container_has_ended_is_being_ended() -> None:
    sight = past_time_limit()
    sight["pods"][0]["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": "2026-11-21T08:30:15Z"}}
    sight["job"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 10
    (condition,) = sight["job"]["status"]["conditions"]
    made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"])
    failed = datetime.fromisoformat(condition["lastTransitionTime"]) - made
    for seconds, status in ((0, JobStatus.STARTED), (12, JobStatus.STARTED), (14, JobStatus.FAILED)):
        info = told(sight, failed.total_seconds() + seconds)
        assert (info.status, info.finished_at is not None) == (status, status.final)
        assert info.message.startswith("stopped at its time limit of 60 minutes")
