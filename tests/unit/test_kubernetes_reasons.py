"""Why a Kubernetes job waits, or failed, by the container's log, the kubelet's words, and what was known before."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.settings import compute_settings

from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.compute.kubernetes.pod_ends import OTHER_CLAIM
from pfcon.compute.kubernetes.spec import MARK_MOUNT
from pfcon.compute.kubernetes.state import job_info, stuck
from pfcon.compute.kubernetes.views import view_of
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import Reason

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
LIVES: dict[str, list[dict[str, Any]]] = json.loads((DATA / "lives-1.20.json").read_text())
IMAGE = "local/pfcon-test:1"
Sight = dict[str, Any]


def changed(case: str, number: int) -> Sight:
    """A recorded sight that a test may change."""
    return copy.deepcopy(LIVES[case][number])


def told(sight: Sight, age: float = 1) -> JobInfo:
    made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"])
    return job_info(view_of(sight["job"], sight["pods"]), made.astimezone(UTC) + timedelta(seconds=age))


def with_end(**terminated: Any) -> Sight:
    """A job whose container has ended in that way."""
    sight = changed("exit-3", -1)
    ended = {"reason": "Error", "containerID": "containerd://5", **terminated}
    sight["pods"][0]["status"] = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}
    return sight


@pytest.mark.parametrize(
    ("code", "log", "reason", "message"),
    [
        (
            255,
            "exec /usr/bin/sh: exec format error\n",
            Reason.WRONG_ARCHITECTURE,
            f"not executable in image {IMAGE}: sh is for another type of processor, or a script without #! in its "
            "first line",
        ),
        (
            1,
            '{"msg":"exec container process (missing dynamic library?) `/bin/sh`: No such file or directory",'
            '"level":"error","time":"2026-03-01T00:00:00Z"}',
            Reason.COMMAND_NOT_FOUND,
            f"no such command in image {IMAGE}: /bin/sh needs an interpreter that is not in the image",
        ),
        (
            1,
            "begun\nexec /usr/bin/sh: exec format error\n",
            Reason.EXIT_CODE,
            "the program failed with exit code 1",
        ),
        (
            3,
            "exec /usr/bin/sh: exec format error\n",
            Reason.EXIT_CODE,
            "the program failed with exit code 3",
        ),
    ],
)
def test_the_end_of_the_log_tells_that_a_command_was_not_run(code: int, log: str, reason: Reason, message: str) -> None:
    """``terminationMessagePolicy: FallbackToLogsOnError`` puts it there."""
    info = told(with_end(exitCode=code, message=log))
    assert (info.status, info.reason, info.message) == (JobStatus.FAILED, reason, message)


@pytest.mark.parametrize(
    ("waiting", "reason", "message"),
    [
        (
            {
                "reason": "ImagePullBackOff",
                "message": f'Back-off pulling image "{IMAGE}": ErrImagePull: rpc error: code = NotFound desc = failed '
                f'to resolve reference "docker.io/{IMAGE}": docker.io/{IMAGE}: not found',
            },
            Reason.IMAGE_NOT_FOUND,
            f"image {IMAGE} can't be fetched: its registry does not have it",
        ),
        ({"reason": "ImagePullBackOff"}, Reason.IMAGE_FAILED, f"image {IMAGE} can't be fetched"),
        (
            {"reason": "ErrImageNeverPull", "message": "Container image is not present with pull policy of Never"},
            Reason.IMAGE_FAILED,
            f"image {IMAGE} can't be fetched: Container image is not present with pull policy of Never",
        ),
        ({"reason": "InvalidImageName"}, Reason.INVALID_IMAGE_NAME, f"{IMAGE} is not a valid name of an image"),
        (
            {"reason": "CreateContainerConfigError", "message": 'secret "pfcon-s3" not found'},
            Reason.ENGINE_FAULT,
            'the container could not be started: secret "pfcon-s3" not found',
        ),
        (
            {"reason": "CreateContainerError"},
            Reason.ENGINE_FAULT,
            "the container could not be started",
        ),
    ],
)
def test_what_keeps_a_container_from_its_start_is_told(waiting: dict[str, str], reason: Reason, message: str) -> None:
    sight = changed("exit-0", 0)
    sight["pods"][0]["status"]["containerStatuses"] = [{"state": {"waiting": waiting}}]
    info = told(sight)
    assert (info.status, info.reason, info.message) == (JobStatus.NOT_STARTED, reason, message)
    assert stuck(view_of(sight["job"], sight["pods"])).message == message


def refused(sight: Sight, number: int, text: str) -> None:
    """A pod whose image can't be fetched."""
    waiting = {"reason": "ImagePullBackOff", "message": text} if text else {"reason": "ImagePullBackOff"}
    sight["pods"][number]["status"] = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waiting}}]}


@pytest.fixture
def engine(tmp_path: Path) -> KubernetesEngine:
    return KubernetesEngine(compute_settings(), KubernetesSettings(), tmp_path)


def test_while_a_kubelet_waits_the_reason_that_it_gave_before_is_told(engine: KubernetesEngine) -> None:
    sight = changed("exit-0", 0)
    refused(sight, 0, "rpc error: manifest unknown")
    engine._overdue(view_of(sight["job"], sight["pods"]))
    refused(sight, 0, f'Back-off pulling image "{IMAGE}"')
    info = engine._obstacles.info(view_of(sight["job"], sight["pods"]))
    assert (info.status, info.reason) == (JobStatus.NOT_STARTED, Reason.IMAGE_NOT_FOUND)
    assert info.message == f"image {IMAGE} can't be fetched: its registry does not have it"


def test_a_worker_that_cannot_start_does_not_hide_the_failure_of_another_one(engine: KubernetesEngine) -> None:
    sight = changed("workers", -1)
    sight["job"]["status"] = {"active": 1, "failed": 1}
    sight["pods"][0]["status"] = changed("exit-3", -1)["pods"][0]["status"]
    refused(sight, 1, "rpc error: manifest unknown")
    info = engine._obstacles.info(view_of(sight["job"], sight["pods"]))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "worker 1 of 2: the program failed with exit code 3"


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        (f"failed to mount {MARK_MOUNT}: not a directory", Reason.ENGINE_SETUP, OTHER_CLAIM.message),
        ("no room for it", Reason.ENGINE_FAULT, "the container could not be started: no room for it"),
    ],
)
def test_a_failed_pod_whose_container_still_waits_is_told_by_what_its_node_says_of_the_start(
    text: str, reason: Reason, message: str
) -> None:
    sight = with_end()
    waiting = {"reason": "RunContainerError", "message": text}
    sight["pods"][0]["status"]["containerStatuses"] = [{"state": {"waiting": waiting}}]
    assert (told(sight).reason, told(sight).message) == (reason, message)


@pytest.mark.parametrize("state", [{"waiting": {"reason": "ContainerCreating"}}, {"terminated": {"exitCode": 0}}])
def test_what_was_seen_of_an_end_that_is_not_known_is_kept_for_the_log(state: dict[str, Any]) -> None:
    sight = with_end()
    sight["pods"][0]["status"]["containerStatuses"] = [{"state": state}]
    assert told(sight).reason is Reason.END_UNKNOWN
    assert json.dumps(state) in told(sight).detail
