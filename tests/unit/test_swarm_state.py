"""What is told of a job by what a real Swarm answered."""

import copy
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.docker_api.job import TIME_LIMIT_LABEL
from pfcon.compute.exits import by_exit_code
from pfcon.compute.swarm.spec import END_LABEL
from pfcon.compute.swarm.state import is_job, job_info, may_be_oom, may_be_unstarted, own_tasks, waits_for_node
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import CANCELLED, Reason, explain

DATA = Path(__file__).parents[1] / "data" / "swarm"
LIVES: dict[str, dict[str, Any]] = json.loads((DATA / "lives.json").read_text())
IMAGE = "local/pfcon-test:1"


def told(life: dict[str, Any], oom: bool = False) -> JobInfo:
    return job_info("job", life["service"], life["tasks"], [task["ID"] for task in life["tasks"]] if oom else [])


def changed(name: str, worker: int = 0, **status: Any) -> dict[str, Any]:
    """A recorded life with another status of one of its tasks; ``desired`` is its DesiredState."""
    life = copy.deepcopy(LIVES[name])
    task = own_tasks(life["tasks"])[worker]
    task["DesiredState"] = status.pop("desired", task["DesiredState"])
    task["Status"] |= status
    return life


@pytest.mark.parametrize(
    ("name", "status", "reason", "message"),
    [
        ("no room", JobStatus.NOT_STARTED, Reason.UNSCHEDULABLE, "no machine can run the job now: too little free CPU"),
        ("running", JobStatus.STARTED, "", ""),
        ("workers", JobStatus.SUCCEEDED, "", ""),
        ("exit 0", JobStatus.SUCCEEDED, "", ""),
        ("exit 3", JobStatus.FAILED, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ("exit 127", JobStatus.FAILED, Reason.EXIT_CODE, "the program failed with exit code 127"),
        ("segfault", JobStatus.FAILED, Reason.SIGNAL, "the program crashed: signal SIGSEGV"),
        ("no command", JobStatus.FAILED, Reason.COMMAND_NOT_FOUND, f"no such command in image {IMAGE}: nosuch"),
        ("not executable", JobStatus.FAILED, Reason.NOT_EXECUTABLE, f"not executable in image {IMAGE}: /etc/passwd"),
        (
            "no image",
            JobStatus.FAILED,
            Reason.IMAGE_FAILED,
            "image localhost:1/none:1 can't be fetched: its machine does not have it, and its registry has not "
            "delivered it",
        ),
        ("no mount", JobStatus.FAILED, Reason.ENGINE_FAULT, "bind source path does not exist: /nonexistent/in"),
        ("cancelled", JobStatus.FAILED, Reason.CANCELLED, "cancelled"),
        ("cancelled without a node", JobStatus.FAILED, Reason.CANCELLED, "cancelled"),
    ],
)
def test_a_recorded_life_is_told_in_plain_words(name: str, status: JobStatus, reason: str, message: str) -> None:
    info = told(LIVES[name])
    assert (info.status, info.reason) == (status, reason)
    assert message in info.message
    assert bool(info.message) == bool(message)
    assert (info.finished_at is not None) == status.final
    assert info.request == "5eed"


def test_what_an_init_says_comes_before_its_exit_code() -> None:
    life = LIVES["exit 127"]
    (task,) = own_tasks(life["tasks"])
    assert may_be_unstarted(task)
    assert not may_be_unstarted(own_tasks(LIVES["exit 3"]["tasks"])[0])
    said = {task["ID"]: explain(Reason.COMMAND_NOT_FOUND, image="x", command="y")}
    info = job_info("job", life["service"], life["tasks"], unstarted=said)
    assert (info.reason, info.message) == (Reason.COMMAND_NOT_FOUND, "no such command in image x: y")


def test_a_node_without_an_init_is_named() -> None:
    error = 'exec: "docker-init": executable file not found in $PATH'
    info = told(changed("no command", Err=error))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.ENGINE_SETUP)
    assert "no docker-init" in info.message


def test_the_command_and_the_image_are_those_that_were_asked_for() -> None:
    info = told(LIVES["exit 3"])
    assert (info.image, info.argv) == (IMAGE, ("sh", "-c", "exit 3"))
    assert told(LIVES["no command"]).argv == ("nosuch",)


def test_out_of_memory_is_certain_where_the_container_says_so_and_probable_elsewhere() -> None:
    life = LIVES["out of memory"]
    assert [may_be_oom(task) for task in life["tasks"]] == [True]
    assert not may_be_oom(LIVES["exit 3"]["tasks"][0])
    info = told(life, oom=True)
    assert (info.reason, info.message) == (
        Reason.OUT_OF_MEMORY,
        "out of memory: the job exceeded its limit of 64 MiB",
    )
    info = told(life)
    assert info.reason == Reason.SIGNAL
    assert info.message == (
        "exit code 137: the program was ended by signal SIGKILL, maybe because it exceeded its memory limit of "
        "64 MiB, or returned this code itself"
    )


@pytest.mark.parametrize(
    ("state", "status", "reason", "words"),
    [
        ("new", JobStatus.NOT_STARTED, "", "waiting for a machine"),
        ("allocated", JobStatus.NOT_STARTED, "", "waiting for a machine"),
        ("pending", JobStatus.NOT_STARTED, "", "waiting for a machine"),
        ("assigned", JobStatus.NOT_STARTED, "", "waiting"),
        ("accepted", JobStatus.NOT_STARTED, "", "waiting"),
        ("preparing", JobStatus.NOT_STARTED, "", "fetches the image"),
        ("ready", JobStatus.NOT_STARTED, "", "starting"),
        ("starting", JobStatus.NOT_STARTED, "", "starting"),
        ("running", JobStatus.STARTED, "", ""),
        ("complete", JobStatus.SUCCEEDED, "", ""),
        ("failed", JobStatus.FAILED, Reason.ENGINE_FAULT, "the compute engine ended the job"),
        ("rejected", JobStatus.FAILED, Reason.ENGINE_FAULT, "the compute engine ended the job"),
        ("shutdown", JobStatus.FAILED, Reason.EVICTED, "drained"),
        ("orphaned", JobStatus.FAILED, Reason.NODE_LOST, "the machine that ran the job failed"),
        ("remove", JobStatus.FAILED, Reason.EVICTED, "removed"),
    ],
)
def test_every_state_of_a_task_has_a_meaning(state: str, status: JobStatus, reason: str, words: str) -> None:
    info = told(changed("running", State=state))
    assert (info.status, info.reason) == (status, reason)
    assert words in info.message


def test_a_task_that_swarm_took_off_a_changed_node_is_not_blamed_on_the_node() -> None:
    info = told(changed("running", State="rejected", Err="assigned node no longer meets constraints"))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EVICTED)
    assert info.message == "removed from its machine: the machine was changed in the Swarm"


def test_an_unknown_state_is_undefined_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        info = told(changed("running", State="dreaming"))
    assert info.status is JobStatus.UNDEFINED
    assert "dreaming" in info.message
    assert "dreaming" in caplog.text


def test_a_job_without_tasks_has_only_just_been_made() -> None:
    info = job_info("job", LIVES["running"]["service"], [])
    assert (info.status, info.finished_at) == (JobStatus.NOT_STARTED, None)


def test_a_job_that_was_cancelled_before_it_got_tasks_ends_when_swarm_has_seen_that() -> None:
    service, tasks = LIVES["cancelled"]["service"], LIVES["cancelled"]["tasks"]
    assert job_info("job", service, []).status is JobStatus.NOT_STARTED
    replaced = [task for task in tasks if task not in own_tasks(tasks)]
    info = job_info("job", service, replaced)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert info.finished_at == datetime.fromisoformat(service["UpdatedAt"]).astimezone(UTC)


def test_a_job_that_was_stopped_at_its_time_limit_says_so() -> None:
    life = changed("cancelled")
    life["service"]["Spec"]["Labels"] |= {END_LABEL: "stopped at its time limit of 1 minute", TIME_LIMIT_LABEL: "1"}
    info = told(life)
    assert (info.status, info.message) == (JobStatus.FAILED, "stopped at its time limit of 1 minute")
    assert (info.reason, info.interrupted, info.time_limit) == (Reason.TIME_LIMIT, False, 1)
    assert told(LIVES["cancelled"]).reason == Reason.CANCELLED  # its note is that of an earlier release
    assert told(LIVES["cancelled"]).time_limit is None
    life["service"]["Spec"]["Labels"][END_LABEL] = CANCELLED.note()
    assert (told(life).reason, told(life).message) == (Reason.CANCELLED, "cancelled")


def test_a_cancelled_job_that_still_runs_is_being_stopped() -> None:
    info = told(changed("cancelled", State="running"))
    assert (info.status, info.message) == (JobStatus.STARTED, "being stopped: cancelled")


def test_a_running_task_that_swarm_wants_to_end_is_told() -> None:
    info = told(changed("running", desired="shutdown"))
    assert info.status is JobStatus.STARTED
    assert "Swarm stops it" in info.message


def test_a_waiting_task_that_is_no_longer_wanted_does_not_wait() -> None:
    assert waits_for_node(LIVES["no room"]["tasks"][0])
    ended = changed("no room", desired="shutdown")
    assert not waits_for_node(ended["tasks"][0])
    assert told(ended).status is JobStatus.FAILED


def test_of_several_workers_the_one_that_failed_is_named() -> None:
    failed = {"State": "failed", "Err": "task: non-zero exit (3)", "ContainerStatus": {"ExitCode": 3}}
    info = told(changed("workers", 1, **failed))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "worker 2 of 3: the program failed with exit code 3"


def test_a_job_goes_on_while_one_of_its_workers_does() -> None:
    info = told(changed("workers", 2, State="running", desired="running"))
    assert (info.status, info.finished_at) == (JobStatus.STARTED, None)


def test_the_end_of_the_last_worker_is_the_end_of_the_job() -> None:
    info = told(changed("workers", 1, Timestamp="2099-01-02T03:04:05.123456789Z"))
    assert info.finished_at == datetime(2099, 1, 2, 3, 4, 5, 123456, UTC)


def test_a_service_is_a_job_only_with_the_label_of_its_name() -> None:
    service = copy.deepcopy(LIVES["running"]["service"])
    assert is_job(service, "pfcon-record")
    assert not is_job(service, service["ID"][:6])
    service["Spec"]["Labels"] = None
    assert not is_job(service, "pfcon-record")


def exited(code: int) -> dict[str, Any]:
    return {"State": "failed", "Err": f"task: non-zero exit ({code})", "ContainerStatus": {"ExitCode": code}}


@pytest.mark.parametrize(
    ("status", "interrupted"),
    [
        (exited(3), False),
        (exited(139), False),
        (exited(134), False),
        (exited(143), True),
        (exited(137), True),
        (exited(255), True),  # its node's Docker came back after the machine was reset
        ({"State": "failed", "Err": "starting container failed: no such file"}, False),
        ({"State": "failed", "Err": "No such container: job.1.x"}, True),
        ({"State": "rejected", "Err": "No such image: x"}, False),
        ({"State": "rejected", "Err": "invalid mount config"}, False),
        ({"State": "rejected", "Err": "assigned node no longer meets constraints"}, True),
        ({"State": "shutdown"}, True),
        ({"State": "orphaned"}, True),
        ({"State": "remove"}, True),
    ],
)
def test_a_job_was_interrupted_when_its_end_was_not_its_own_doing(status: dict[str, Any], interrupted: bool) -> None:
    info = told(changed("running", **status))
    assert (info.status, info.interrupted) == (JobStatus.FAILED, interrupted)


def test_a_job_that_swarm_no_longer_wants_before_it_has_a_node_was_interrupted() -> None:
    assert told(changed("no room", desired="shutdown")).interrupted


def test_a_job_that_exceeds_its_memory_was_interrupted_only_where_nobody_knows() -> None:
    assert not told(LIVES["out of memory"], oom=True).interrupted
    assert told(LIVES["out of memory"]).interrupted


@pytest.mark.parametrize("name", ["cancelled", "cancelled without a node"])
def test_a_job_that_pfcon_ended_was_not_interrupted(name: str) -> None:
    assert not told(LIVES[name]).interrupted


@pytest.mark.parametrize(("code", "interrupted"), [(3, False), (137, True)])
def test_of_workers_that_pfcon_ended_the_one_that_failed_counts(code: int, interrupted: bool) -> None:
    life = changed("workers", 1, **exited(code))
    own_tasks(life["tasks"])[0]["Status"]["State"] = "shutdown"
    why = by_exit_code(code).of_worker(2, 3)
    life["service"]["Spec"]["Labels"][END_LABEL] = why.note()
    info = told(life)
    assert (info.reason, info.message) == (why.reason, why.message)
    assert info.message.startswith("worker 2 of 3: ")
    assert info.interrupted is interrupted


def test_a_job_one_of_whose_workers_was_killed_was_not_interrupted_while_it_runs() -> None:
    life = changed("workers", 1, **exited(137))
    own_tasks(life["tasks"])[0]["Status"]["State"] = "running"
    info = told(life)
    assert (info.status, info.interrupted) == (JobStatus.STARTED, False)
    assert info.message.startswith("worker 2 of 3: exit code 137")
