"""What recorded answers of real engines say of a job's run; and where they do not know, that nothing is claimed."""

import copy
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.cromwell import state as cromwell
from pfcon.compute.docker import state as docker
from pfcon.compute.docker_api.phase import time_of
from pfcon.compute.kubernetes import state as kubernetes
from pfcon.compute.kubernetes.views import NOTE_ANNOTATION, Note, view_of
from pfcon.compute.process.state import details_of
from pfcon.compute.slurm.reasons import Exit, Seen, exit_code_of, has_run
from pfcon.compute.slurm.run import run_from, run_of, run_values
from pfcon.compute.swarm import state as swarm
from pfcon.compute.swarm.tasks import container_of
from pfcon.models import JobId, JobKind, JobSpec, RunDetails
from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why, explain

DATA = Path(__file__).parents[1] / "data"
INSPECTS = {name: json.loads((DATA / f"docker/{name}-inspects.json").read_text()) for name in ("docker", "podman")}
TASKS: dict[str, dict[str, Any]] = json.loads((DATA / "swarm/lives.json").read_text())
PODS: dict[str, list[dict[str, Any]]] = json.loads((DATA / "kubernetes/lives-1.20.json").read_text())
ID, MANIFEST = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32
IMAGE_OF_PODS = "sha256:8cb3c2c50a1f36e6801e69ba4752f9dfc2813294b0d6c842a9a8a29d49f22b96"
AT = datetime(2026, 11, 29, 15, 27, 17, tzinfo=UTC)
SPEC = JobSpec("7", JobId("7"), JobKind.PLUGIN, "local/x:1", ("prog", "a"))
each_api = pytest.mark.parametrize("engine", ["docker", "podman"])


def of_container(inspect: dict[str, Any], note: Why = SUCCESS) -> RunDetails:
    return docker.job_info("job", inspect, datetime.fromisoformat(inspect["Created"]).astimezone(UTC), note).details


@each_api
@pytest.mark.parametrize(
    ("life", "code"),
    [("running", None), ("paused", None), ("exit 0", 0), ("exit 3", 3), ("exit 127", 127), ("segfault", 139)],
)
def test_a_container_that_has_run_has_a_start_and_in_the_end_a_code(engine: str, life: str, code: int | None) -> None:
    details = of_container({**INSPECTS[engine][life], "Image": ID})
    assert (details.exit_code, details.image_digest) == (code, ID)
    assert details.started_at
    assert details.started_at.year == 2026


@each_api
@pytest.mark.parametrize("life", ["created", "start: no command", "start: a directory", "start: not executable"])
def test_a_container_that_has_not_run_has_only_its_place(engine: str, life: str) -> None:
    note = explain(Reason.COMMAND_NOT_FOUND, command="nosuch") if life.startswith("start") else SUCCESS
    inspect = INSPECTS[engine][life]
    assert of_container({**inspect, "Image": ID}, note) == RunDetails(placed_at=time_of(inspect["Created"]))


@each_api
@pytest.mark.parametrize("life", ["running", "exit 0", "exit 3"])
def test_a_container_is_placed_when_it_is_created(engine: str, life: str) -> None:
    details = of_container(INSPECTS[engine][life])
    assert details.placed_at == time_of(INSPECTS[engine][life]["Created"])
    assert details.placed_at < details.started_at  # type: ignore[operator]


def test_the_digest_of_the_manifest_comes_before_the_image_id() -> None:
    inspect = {**INSPECTS["docker"]["exit 0"], "Image": ID, "ImageManifestDescriptor": {"digest": MANIFEST}}
    assert of_container(inspect).image_digest == MANIFEST
    for odd in (None, {}, {"digest": "?"}):
        assert of_container({**inspect, "ImageManifestDescriptor": odd}).image_digest == ID


def test_what_an_init_reports_is_not_the_exit_code_of_the_command() -> None:
    ended = INSPECTS["docker"]["exit 127"]
    made = datetime.fromisoformat(ended["Created"]).astimezone(UTC)
    why = explain(Reason.COMMAND_NOT_FOUND, image="x", command="y")
    info = docker.job_info("job", ended, made, unstarted=why)
    assert (info.message, info.details) == ("no such command in image x: y", RunDetails(placed_at=made))
    assert info.reason == Reason.COMMAND_NOT_FOUND
    assert of_container(ended, note=CANCELLED).exit_code == 127


@pytest.mark.parametrize(
    ("status", "code", "finished"),
    [("exited", 255, True), ("created", 0, False), ("exited", 0, False), ("exited", -1, True)],
)
def test_after_a_reset_of_the_machine_the_exit_code_is_not_known(status: str, code: int, finished: bool) -> None:
    inspect = copy.deepcopy(INSPECTS["podman"]["exit 0"])
    inspect["State"] |= {"Status": status, "ExitCode": code}
    inspect["State"] |= {} if finished else {"FinishedAt": "0001-01-01T00:00:00Z"}
    assert of_container(inspect).exit_code is None
    assert of_container(inspect).started_at


def of_service(life: dict[str, Any]) -> RunDetails:
    names = {task.get("NodeID"): f"n{number}" for number, task in enumerate(life["tasks"], 1)}
    return swarm.job_info("job", life["service"], life["tasks"], hostnames=names).details


@pytest.mark.parametrize(
    ("life", "code"),
    [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 127", 127),
        ("segfault", 139),
        ("out of memory", 137),
        ("no command", None),
        ("no image", None),
        ("running", None),
        ("cancelled", None),
        ("no room", None),
    ],
)
def test_a_task_has_an_exit_code_only_if_its_command_has_ended(life: str, code: int | None) -> None:
    assert of_service(TASKS[life]).exit_code == code
    assert bool(of_service(TASKS[life]).node) == any(map(container_of, TASKS[life]["tasks"]))


def test_a_service_has_a_digest_if_the_client_named_it_and_a_start_as_long_as_all_workers_run() -> None:
    life = copy.deepcopy(TASKS["workers"])
    container = life["service"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    container["Image"] = f"{container['Image']}@{MANIFEST}"
    assert of_service(life).image_digest == MANIFEST
    for number, task in enumerate(life["tasks"]):
        task["Status"] |= {"State": "running", "Timestamp": f"2026-11-29T15:27:{17 + number}Z"}
    assert of_service(life) == RunDetails(AT, None, "n3", MANIFEST)  # all three on one node
    life["tasks"][0]["Status"] |= {"State": "complete"}
    assert of_service(life).started_at is None


@pytest.mark.parametrize(
    ("states", "place"),
    [
        (("pending", "preparing", "assigned"), 1),
        (("preparing", "preparing", "accepted"), 0),
        (("pending", "new", "allocated"), None),
        (("running", "preparing", "pending"), None),  # when the first one got its node is not known any more
        (("ready", "preparing", "pending"), None),
        (("complete", "complete", "complete"), None),
    ],
)
def test_a_service_has_a_place_while_nodes_fetch_the_image(states: tuple[str, ...], place: int | None) -> None:
    life = copy.deepcopy(TASKS["workers"])
    for number, (task, state) in enumerate(zip(life["tasks"], states, strict=True)):
        task["Status"] |= {"State": state, "Timestamp": f"2026-11-29T15:27:{17 + number}Z"}
    assert of_service(life).placed_at == (None if place is None else AT + timedelta(seconds=place))


def of_pods(sight: dict[str, Any]) -> RunDetails:
    made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"]).astimezone(UTC)
    return kubernetes.job_info(view_of(sight["job"], sight["pods"]), made + timedelta(minutes=10)).details


def pod_ended(**terminated: Any) -> RunDetails:
    sight = copy.deepcopy(PODS["exit-3"][-1])
    ended = {"containerID": "containerd://5", "startedAt": "2026-11-29T15:27:17Z", **terminated}
    sight["pods"][0]["status"] = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}
    return of_pods(sight)


@pytest.mark.parametrize(
    ("case", "code"), [("exit-0", 0), ("exit-3", 3), ("segfault", 139), ("memory", 137), ("workers", 0)]
)
def test_a_pod_that_has_run_has_all_that_its_node_reports(case: str, code: int) -> None:
    details = of_pods(PODS[case][-1])
    assert (details.exit_code, details.node, details.image_digest) == (code, "localhost", IMAGE_OF_PODS)
    assert details.started_at
    assert details.placed_at
    assert details.placed_at <= details.started_at


@pytest.mark.parametrize(
    ("case", "has_node"), [("command", True), ("executable", True), ("image", True), ("cpu", False), ("claim", False)]
)
def test_a_pod_that_has_not_run_has_at_most_the_time_of_its_node(case: str, has_node: bool) -> None:
    details = of_pods(PODS[case][-1])
    assert details == RunDetails(placed_at=details.placed_at)
    assert bool(details.placed_at) is has_node


def test_of_several_pods_the_first_one_that_got_a_node_counts() -> None:
    sight = copy.deepcopy(PODS["workers"][-1])
    for number, pod in enumerate(reversed(sight["pods"])):
        for condition in pod["status"]["conditions"]:
            if condition["type"] == "PodScheduled":
                condition["lastTransitionTime"] = f"2026-11-29T15:27:{17 + number}Z"
    assert of_pods(sight).placed_at == AT
    for pod in sight["pods"]:
        pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "lastTransitionTime": "x"}]
    assert of_pods(sight).placed_at is None


def test_a_pod_has_no_exit_code_that_its_node_has_invented() -> None:
    assert pod_ended(exitCode=5).exit_code == 5
    assert pod_ended(exitCode=255, reason="Error").exit_code == 255
    assert pod_ended(exitCode=255, reason="Unknown").exit_code is None
    assert pod_ended(exitCode=255, containerID="docker://5").exit_code is None
    assert pod_ended(exitCode=137, reason="ContainerStatusUnknown").exit_code is None
    assert pod_ended(reason="Error").exit_code is None
    assert pod_ended(exitCode=128, reason="StartError", message="x") == RunDetails()


def test_a_job_of_which_a_pod_was_lost_has_no_exit_code() -> None:
    sight = copy.deepcopy(PODS["exit-0"][-1])
    note = Note(Why("lost"), datetime.now(UTC), lost=True)
    sight["job"]["metadata"].setdefault("annotations", {})[NOTE_ANNOTATION] = note.annotation()
    assert of_pods(sight).exit_code is None


@pytest.mark.parametrize(
    ("exit_", "launcher_log", "runs", "code"),
    [
        (Exit(3, "", AT), "", True, 3),
        (Exit(137, "", AT), "", True, 137),
        (Exit(255, "", AT), "", True, None),
        (Exit(143, "aborted", AT), "", True, None),
        (Exit(125, "no-launcher", AT), "", False, None),
        (Exit(127, "", AT), 'exec: "prog": executable file not found in $PATH', False, 127),
        (None, "", True, None),
    ],
)
def test_a_slurm_job_has_the_exit_code_of_its_script_s_record(
    exit_: Exit | None, launcher_log: str, runs: bool, code: int | None
) -> None:
    seen = Seen(None, exit_, launcher_log=launcher_log)
    assert has_run(SPEC, seen) is runs
    assert exit_code_of(seen) == code


def test_the_links_of_a_slurm_job_are_the_nodes_and_the_starts_of_its_workers(tmp_path: Path) -> None:
    assert run_of(tmp_path) == RunDetails()
    for number, node in enumerate(["n2", "n1", "/etc/passwd"]):
        (tmp_path / f"node.{number}").symlink_to(node)
    (tmp_path / "node.3").write_text("a file of the job itself")
    run = run_of(tmp_path)
    assert (run.node, run.exit_code) == ("n1,n2", None)
    assert run.started_at
    assert abs(run.started_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert run.placed_at is None
    placed = replace(run, exit_code=3, placed_at=AT)
    assert run_from(run_values(placed)) == placed


def test_a_slurm_job_is_placed_when_its_script_claims_its_directory(tmp_path: Path) -> None:
    """Unless the script runs in the container that Slurm has started: then it comes after the image."""
    claim = tmp_path / "claim"
    claim.symlink_to("4711")
    os.utime(claim, (AT.timestamp(), AT.timestamp()), follow_symlinks=False)
    assert run_of(tmp_path) == RunDetails(placed_at=AT)
    (tmp_path / "order").write_text("go\n")
    assert run_of(tmp_path) == RunDetails()


def test_a_slurm_job_that_pfcon_keeps_from_starting_has_no_place(tmp_path: Path) -> None:
    (tmp_path / "claim").symlink_to("pfcon")
    assert run_of(tmp_path) == RunDetails()


@pytest.mark.parametrize(
    "values", [{}, {"exit_code": "three"}, {"started_at": "noon"}, {"started_at": 1e300}, {"placed_at": "x"}]
)
def test_an_end_of_an_earlier_release_of_slurm_s_jobs_has_no_details(values: dict[str, Any]) -> None:
    assert run_from(values) == RunDetails()


@pytest.mark.parametrize(("code", "own"), [(0, 0), (3, 3), (137, 137), (79, None), (None, None)])
def test_a_workflow_has_the_exit_code_of_its_task_unless_cromwell_invents_it(code: int | None, own: int | None) -> None:
    end = cromwell.End("Failed", code, (), AT, AT)
    assert cromwell.details_of(end, "") == RunDetails(exit_code=own)
    assert cromwell.details_of(end, "no such command") == RunDetails()


def test_a_process_killed_by_a_signal_has_the_exit_code_of_a_shell() -> None:
    assert details_of({"status": -9}).exit_code == 137
    assert details_of({"status": 255}).exit_code == 255
    assert details_of({"marker": "x", "finished_at": 1.0}) == RunDetails()
    assert details_of({"placed_at": AT.timestamp()}) == RunDetails(placed_at=AT)
    odd: Any = {"status": "three", "started_at": "noon"}
    assert details_of(odd) == RunDetails()
