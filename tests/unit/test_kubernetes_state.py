"""What is told of a job by what real API servers answered about it and its pods."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.kubernetes_lives import LIVES, changed, ended_note, told

from pfcon.compute.kubernetes.state import end_pending, stuck
from pfcon.compute.kubernetes.views import NOTE_ANNOTATION, has_ended, note_of, view_of
from pfcon.models import JobStatus
from pfcon.reasons import CANCELLED, Reason

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
EXCHANGES = {each["what"]: each for each in map(json.loads, (DATA / "exchanges.jsonl").read_text().splitlines())}
IMAGE = "local/pfcon-test:1"
PREPARING = f"its machine prepares it on localhost: volumes, then image {IMAGE}"
PAST_DEADLINE = "stopped at the time limit of this site for waiting and running: 6 seconds"
NO_CPU = "no machine can run the job now: too little free CPU"
NO_VOLUME = "the compute engine is not set up for this job: its volume none (VOLUME_NAME) does not exist"


@pytest.mark.parametrize(
    ("case", "number", "status", "reason", "message"),
    [
        ("exit-0", 0, JobStatus.NOT_STARTED, "", PREPARING),
        ("exit-0", -1, JobStatus.SUCCEEDED, "", ""),
        ("exit-3", -1, JobStatus.FAILED, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ("segfault", -1, JobStatus.FAILED, Reason.SIGNAL, "the program crashed: signal SIGSEGV"),
        ("memory", 1, JobStatus.STARTED, "", ""),
        ("memory", -1, JobStatus.FAILED, Reason.OUT_OF_MEMORY, "out of memory: the job exceeded its limit of 64 MiB"),
        ("command", -1, JobStatus.FAILED, Reason.COMMAND_NOT_FOUND, f"no such command in image {IMAGE}: nosuch"),
        ("executable", -1, JobStatus.FAILED, Reason.NOT_EXECUTABLE, f"not executable in image {IMAGE}: /etc/passwd"),
        ("cpu", -1, JobStatus.NOT_STARTED, Reason.UNSCHEDULABLE, NO_CPU),
        ("claim", -1, JobStatus.NOT_STARTED, Reason.ENGINE_SETUP, NO_VOLUME),
        ("workers", -1, JobStatus.SUCCEEDED, "", ""),
        ("deadline", 1, JobStatus.FAILED, Reason.TIME_LIMIT, PAST_DEADLINE),
        ("deadline", -1, JobStatus.FAILED, Reason.TIME_LIMIT, PAST_DEADLINE),
    ],
)
def test_a_recorded_life_is_told_in_plain_words(
    case: str, number: int, status: JobStatus, reason: str, message: str
) -> None:
    info = told(LIVES[case][number])
    assert (info.status, info.reason, info.message) == (status, reason, message)
    assert (info.finished_at is not None) == status.final
    assert info.request == "5eed"
    assert info.image == IMAGE


def test_a_job_without_a_node_that_it_may_run_on_says_so() -> None:
    info = told(LIVES["selector"][-1])
    assert (info.status, info.reason) == (JobStatus.NOT_STARTED, Reason.UNSCHEDULABLE)
    assert info.message.startswith("no machine can run the job now: ")
    assert "node selector" in info.message


@pytest.mark.parametrize(
    ("case", "number", "reason", "message"),
    [
        (
            "image",
            1,
            Reason.REGISTRY_UNREACHABLE,
            "image 127.0.0.1:1/pfcon/absent:1 can't be fetched: its registry can't be reached, or "
            "answers with an error",
        ),
        ("image", 2, Reason.IMAGE_FAILED, "image 127.0.0.1:1/pfcon/absent:1 can't be fetched"),
        ("name-of-image", -1, Reason.INVALID_IMAGE_NAME, "Not An Image is not a valid name of an image"),
        ("claim", -1, Reason.ENGINE_SETUP, NO_VOLUME),
    ],
)
def test_a_job_that_cannot_start_by_itself_is_stuck_and_says_why(
    case: str, number: int, reason: Reason, message: str
) -> None:
    sight = LIVES[case][number]
    found = stuck(view_of(sight["job"], sight["pods"]))
    assert (found.reason, found.message) == (reason, message)
    assert told(sight).status is JobStatus.NOT_STARTED
    assert (told(sight).reason, told(sight).message) == (reason, message)


@pytest.mark.parametrize("case", ["cpu", "selector"])
def test_a_job_that_waits_for_a_node_is_not_stuck(case: str) -> None:
    sight = LIVES[case][-1]
    assert not stuck(view_of(sight["job"], sight["pods"]))


def test_a_cancelled_job_runs_until_its_container_has_had_its_grace() -> None:
    """A kubelet of 1.20 calls the pod Failed at once, and its container running for ever."""
    for number in (2, 3):
        sight = changed("cancelled", number)
        note = note_of(sight["job"])
        assert note
        made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"])
        age = ((at := note.at) - made).total_seconds()
        assert told(sight, age + 1).status is JobStatus.STARTED
        assert told(sight, age + 1).message == "cancelled: being ended"
    ended = told(sight, age + 6)
    assert (ended.status, ended.message, ended.finished_at) == (JobStatus.FAILED, "cancelled", at)
    assert ended.reason == Reason.CANCELLED


def test_a_note_without_what_should_have_followed_is_noticed() -> None:
    sight = ended_note(changed("memory", 1), CANCELLED, 1)
    view = view_of(sight["job"], sight["pods"])
    assert end_pending(view)
    assert told(sight, 600).status is JobStatus.STARTED
    sight["pods"][0]["spec"]["activeDeadlineSeconds"] = 1
    assert not end_pending(view_of(sight["job"], sight["pods"]))
    assert told(sight, 600).status is JobStatus.FAILED


def test_a_pod_that_a_node_may_be_starting_keeps_a_cancelled_job_from_being_over() -> None:
    sight = ended_note(changed("exit-0", 0), CANCELLED, 1)
    sight["job"]["spec"]["activeDeadlineSeconds"] = 1
    assert told(sight, 2).status is JobStatus.STARTED
    assert told(sight, 90).status is JobStatus.FAILED


def test_a_job_that_succeeded_before_it_could_be_ended_has_succeeded() -> None:
    assert told(ended_note(changed("exit-0", -1), CANCELLED, 1)).status is JobStatus.SUCCEEDED


def test_a_job_is_over_when_its_pods_are_though_it_does_not_know_yet() -> None:
    for case, status in (("exit-0", JobStatus.SUCCEEDED), ("exit-3", JobStatus.FAILED)):
        sight = changed(case, -1)
        sight["job"]["status"] = {"startTime": "2026-11-20T09:39:41Z", "active": 1, "ready": 0}
        assert told(sight).status is status
        assert not has_ended(sight["job"])


def test_a_pod_that_was_told_to_end_gives_no_reason_its_job_does() -> None:
    sight = changed("deadline", -1)
    (failure,) = sight["job"]["status"].pop("conditions")
    (pod,) = sight["pods"] = changed("exit-3", -1)["pods"]
    pod["metadata"] |= {"ownerReferences": [{"uid": sight["job"]["metadata"]["uid"]}]}
    assert told(sight).status is JobStatus.FAILED
    pod["metadata"]["deletionTimestamp"] = "2026-11-20T09:39:41Z"
    assert told(sight).status is JobStatus.STARTED
    sight["job"]["status"]["conditions"] = [{**failure, "type": "FailureTarget"}]
    assert (told(sight).reason, told(sight).message) == (Reason.TIME_LIMIT, PAST_DEADLINE)


def test_one_of_two_workers_does_not_make_a_success() -> None:
    sight = changed("workers", -1)
    sight["job"]["status"] = {"active": 1, "succeeded": 1}
    sight["pods"][1] = {**changed("memory", 1)["pods"][0], "metadata": sight["pods"][1]["metadata"]}
    assert told(sight).status is JobStatus.STARTED


def test_the_worker_that_failed_is_named_once_no_other_runs() -> None:
    sight = changed("workers", -1)
    sight["job"]["status"] = {"active": 1, "failed": 1}
    failed = changed("exit-3", -1)["pods"][0]
    sight["pods"][0]["status"] = failed["status"]
    info = told(sight)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "worker 1 of 2: the program failed with exit code 3"


def test_the_worker_that_failed_has_the_number_that_the_server_gives_it() -> None:
    sight = changed("workers", -1)
    sight["job"]["status"] = {"active": 1, "failed": 1}
    sight["pods"][0]["status"] = changed("exit-3", -1)["pods"][0]["status"]
    for pod, index in zip(sight["pods"], ("1", "0"), strict=True):
        pod["metadata"].setdefault("annotations", {})["batch.kubernetes.io/job-completion-index"] = index
    assert told(sight).message == "worker 2 of 2: the program failed with exit code 3"


def test_workers_that_wait_for_others_are_told_of() -> None:
    sight = changed("workers", 0)
    sight["pods"][0] = {**changed("memory", 1)["pods"][0], "metadata": sight["pods"][0]["metadata"]}
    assert told(sight).message == "1 of 2 workers have started"


def test_pods_that_an_earlier_job_of_the_name_has_left_are_not_its_own() -> None:
    sight = changed("exit-3", -1)
    sight["job"]["metadata"]["uid"] = "another"
    sight["job"]["status"] = {}
    assert told(sight).status is JobStatus.NOT_STARTED


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (
            {"reason": "Evicted", "message": "The node was low on resource: memory."},
            Reason.EVICTED,
            "removed from its machine: The node was low on resource: memory.",
        ),
        ({"reason": "Evicted"}, Reason.EVICTED, "removed from its machine: the machine protected itself"),
        ({"reason": "NodeLost"}, Reason.NODE_LOST, "the machine that ran the job failed: localhost"),
        (
            {"reason": "Terminated", "message": "x"},
            Reason.INTERRUPTED,
            "interrupted: its machine was shut down: x",
        ),
        ({"reason": "Preempting"}, Reason.PREEMPTED, "stopped in favour of another job (preempted)"),
        (
            {"reason": "UnexpectedAdmissionError", "message": "no GPU is left"},
            Reason.EVICTED,
            "removed from its machine: the machine did not admit it: no GPU is left",
        ),
        (
            {"reason": "OutOfnvidia.com/gpu", "message": "no"},
            Reason.UNSCHEDULABLE,
            "no machine can run the job now: its machine has too little nvidia.com/gpu: no",
        ),
        (
            {"reason": "SysctlForbidden", "message": "no"},
            Reason.ENGINE_FAULT,
            "the compute engine ended the job: no",
        ),
        ({}, Reason.END_UNKNOWN, "it is not known how the job ended"),
        ({"message": "x"}, Reason.END_UNKNOWN, "it is not known how the job ended: x"),
    ],
)
def test_what_a_node_or_the_cluster_did_to_a_pod_is_told(status: dict[str, Any], reason: str, message: str) -> None:
    sight = changed("exit-3", -1)
    sight["pods"][0]["status"] = {"phase": "Failed", **status}
    info = told(sight)
    assert (info.status, info.reason, info.message) == (JobStatus.FAILED, reason, message)


def test_a_disruption_is_told_rather_than_the_signal_that_it_sent() -> None:
    sight = changed("exit-3", -1)
    text = "Taint manager: deleting due to NoExecute taint"
    sight["pods"][0]["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "message": text}]
    assert (told(sight).reason, told(sight).message) == (Reason.EVICTED, f"removed from its machine: {text}")


def test_a_job_whose_failed_pod_is_gone_says_what_may_have_been() -> None:
    sight = changed("exit-3", -1)
    sight["pods"] = []
    info = told(sight)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EVICTED)
    assert "Kubernetes or one of its users removed the job" in info.message
    assert info.finished_at


def test_a_job_that_gets_no_pod_says_so_after_a_while() -> None:
    sight = changed("exit-0", 0)
    sight["pods"], sight["job"]["status"] = [], {}
    assert told(sight).message == ""
    assert "quota" in told(sight, 60).message
    assert told(sight, 60).status is JobStatus.NOT_STARTED


def test_a_node_that_does_not_answer_is_told_of_while_the_job_runs() -> None:
    sight = changed("memory", 1)
    sight["pods"][0]["status"]["reason"] = "NodeLost"
    assert told(sight).status is JobStatus.STARTED
    assert told(sight).message == "its machine does not answer"


def test_a_spoiled_note_is_none() -> None:
    sight = changed("memory", 1)
    for text in ("x", "[]", "{}", '{"reason": "x", "at": "y"}'):
        sight["job"]["metadata"]["annotations"] = {NOTE_ANNOTATION: text}
        assert note_of(sight["job"]) is None


@pytest.mark.parametrize(
    ("job", "pods", "status", "message"),
    [
        ("get at once", "pods at once", JobStatus.NOT_STARTED, None),
        ("get running", "pod running", JobStatus.STARTED, ""),
        ("get done", "pod done", JobStatus.SUCCEEDED, ""),
        ("get failed", "pods failed", JobStatus.FAILED, "the program failed with exit code 5"),
    ],
)
def test_a_server_of_1_34_is_understood_too(job: str, pods: str, status: JobStatus, message: str | None) -> None:
    found, answer = EXCHANGES[job]["body"], EXCHANGES[pods]["body"]
    info = told({"job": found, "pods": answer.get("items") or [answer]})
    assert info.status is status
    assert message is None or info.message == message


def test_success_is_not_told_by_a_criterion_alone() -> None:
    """SuccessCriteriaMet comes before Complete, and a pod that is deleted meanwhile tells nothing."""
    job = EXCHANGES["get right after delete"]["body"]
    assert not has_ended(job)
    assert not told({"job": job, "pods": []}).status.final
