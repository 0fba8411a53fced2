"""What is told of a job by what real engines answered to inspect."""

import copy
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.docker.state import LOST, START_PATIENCE, is_job, job_info, may_have_note, phase_of
from pfcon.compute.docker_api.job import TIME_LIMIT_LABEL
from pfcon.compute.docker_api.phase import Phase
from pfcon.compute.exits import at_time_limit
from pfcon.models import JobStatus
from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why, explain

DATA = Path(__file__).parents[1] / "data" / "docker"
RECORDED: dict[str, dict[str, Any]] = {
    engine: json.loads((DATA / f"{engine}-inspects.json").read_text()) for engine in ("docker", "podman")
}
ENGINES = pytest.mark.parametrize("engine", ["docker", "podman"])
IMAGE = "local/pfcon-test:1"
NAME = "pfcon-record"
KILLED = "exit code 137: the program was ended by signal SIGKILL, or returned this code itself"
ZERO = "0001-01-01T00:00:00Z"
BEGAN, ENDED = "2026-11-29T15:27:17.372522105Z", "2026-11-29T15:27:22.474237205Z"
# What was told of containers that ran, and of one with an exit code of its own, once the engine, its containers and
# their shims had been killed and it was started anew: recorded on Docker 20.10.24 and Podman 4.3.1, and as the source
# of Podman 5 has it (libpod/container_internal.go, resetContainerState).
RESET: dict[str, dict[str, Any]] = {
    "docker": {"Status": "exited", "ExitCode": 255, "Error": "", "StartedAt": BEGAN, "FinishedAt": ENDED},
    "podman": {"Status": "created", "ExitCode": 0, "Error": "", "StartedAt": BEGAN, "FinishedAt": ZERO},
    "podman 5": {"Status": "exited", "ExitCode": 0, "Error": "", "StartedAt": BEGAN, "FinishedAt": ZERO},
    "no exit file": {"Status": "exited", "ExitCode": -1, "Error": "", "StartedAt": BEGAN, "FinishedAt": ENDED},
}


def created(inspect: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(inspect["Created"]).astimezone(UTC)


def info_of(inspect: dict[str, Any], note: Why = SUCCESS, age: float = 1) -> Any:
    return job_info("job", inspect, created(inspect) + timedelta(seconds=age), note)


@ENGINES
@pytest.mark.parametrize(
    ("life", "status", "reason", "message"),
    [
        ("created", JobStatus.NOT_STARTED, "", ""),
        ("running", JobStatus.STARTED, "", ""),
        ("paused", JobStatus.STARTED, "", "paused"),
        ("stopped", JobStatus.FAILED, Reason.SIGNAL, KILLED),
        ("exit 0", JobStatus.SUCCEEDED, "", ""),
        ("exit 3", JobStatus.FAILED, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ("exit 127", JobStatus.FAILED, Reason.EXIT_CODE, "the program failed with exit code 127"),
        ("segfault", JobStatus.FAILED, Reason.SIGNAL, "the program crashed: signal SIGSEGV"),
    ],
)
def test_a_recorded_life_is_told_in_plain_words(
    engine: str, life: str, status: JobStatus, reason: str, message: str
) -> None:
    info = info_of(RECORDED[engine][life])
    assert (info.status, info.reason, info.message) == (status, reason, message)
    assert (info.finished_at is not None) == status.final
    assert info.request == "5eed"
    assert info.image.endswith(IMAGE)


def test_a_start_that_docker_gave_up_with_its_client_has_not_happened() -> None:
    """Recorded on Docker 26.1.5: its client's connection was closed while the container was being started."""
    inspect = copy.deepcopy(RECORDED["docker"]["created"])
    inspect["State"] |= {"Status": "created", "Error": "context canceled", "ExitCode": 128}
    assert info_of(inspect).status is JobStatus.NOT_STARTED
    assert may_have_note(inspect)
    late = info_of(inspect, age=3600)
    assert (late.status, late.reason, late.interrupted) == (JobStatus.FAILED, Reason.INTERRUPTED, True)


@ENGINES
def test_the_command_is_told_as_it_was_given_also_without_arguments(engine: str) -> None:
    assert info_of(RECORDED[engine]["exit 3"]).argv == ("sh", "-c", "exit 3")
    assert info_of(RECORDED[engine]["start: no command"]).argv == ("nosuch",)


def test_dockers_out_of_memory_names_the_limit() -> None:
    info = info_of(RECORDED["docker"]["out of memory"])
    assert info.reason == Reason.OUT_OF_MEMORY
    assert info.message == "out of memory: the job exceeded its limit of 64 MiB"


def test_podmans_kill_below_a_limit_names_the_probable_reason() -> None:
    info = info_of(RECORDED["podman"]["out of memory"])
    assert info.reason == Reason.SIGNAL
    assert info.message == (
        "exit code 137: the program was ended by signal SIGKILL, maybe because it exceeded its memory limit of "
        "64 MiB, or returned this code itself"
    )


def test_out_of_memory_without_a_limit_is_the_machines() -> None:
    inspect = copy.deepcopy(RECORDED["docker"]["out of memory"])
    inspect["HostConfig"]["Memory"] = 0
    info = info_of(inspect)
    assert (info.reason, info.message) == (
        Reason.OUT_OF_MEMORY,
        "out of memory: the job needed more memory than it gets",
    )


def test_a_job_that_survived_the_death_of_a_child_has_succeeded() -> None:
    inspect = copy.deepcopy(RECORDED["docker"]["out of memory"])
    inspect["State"]["ExitCode"] = 0
    info = info_of(inspect)
    assert (info.status, info.reason) == (JobStatus.SUCCEEDED, "")
    assert info.message == (
        "the program reports success, but a process of it was killed, for it exceeded the limit of 64 MiB: check the "
        "outputs"
    )


@pytest.mark.parametrize(
    ("life", "reason", "message"),
    [
        ("start: no command", Reason.COMMAND_NOT_FOUND, "no such command in image local/pfcon-test:1: nosuch"),
        ("start: no path", Reason.COMMAND_NOT_FOUND, "no such command in image local/pfcon-test:1: /no/such"),
        ("start: not executable", Reason.NOT_EXECUTABLE, "not executable in image local/pfcon-test:1: /etc/passwd"),
        ("start: a directory", Reason.NOT_EXECUTABLE, "not executable in image local/pfcon-test:1: /etc"),
    ],
)
def test_docker_remembers_why_a_job_could_not_start(life: str, reason: Reason, message: str) -> None:
    info = info_of(RECORDED["docker"][life])
    assert (info.status, info.reason, info.message) == (JobStatus.FAILED, reason, message)
    assert info.finished_at == created(RECORDED["docker"][life])


def test_podman_does_not_and_a_note_is_looked_for() -> None:
    inspect = RECORDED["podman"]["start: no command"]
    assert info_of(inspect).status is JobStatus.NOT_STARTED
    assert may_have_note(inspect)
    why = explain(Reason.COMMAND_NOT_FOUND, command="nosuch")
    info = info_of(inspect, note=why)
    assert (info.status, info.reason, info.message) == (JobStatus.FAILED, why.reason, "no such command: nosuch")


def test_a_note_explains_an_end_better_than_its_exit_code() -> None:
    info = info_of(RECORDED["docker"]["stopped"], note=CANCELLED)
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, "cancelled", Reason.CANCELLED)
    limit = "stopped at its time limit of 1 minute"
    info = info_of(RECORDED["docker"]["stopped"], note=at_time_limit(1))
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, limit, Reason.TIME_LIMIT)


@pytest.mark.parametrize(("label", "minutes"), [("60", 60), ("", None), ("soon", None), ("-1", None), (None, None)])
def test_the_time_limit_is_that_of_the_label(label: str | None, minutes: int | None) -> None:
    inspect = copy.deepcopy(RECORDED["docker"]["running"])
    assert info_of(inspect).time_limit is None
    inspect["Config"]["Labels"][TIME_LIMIT_LABEL] = label
    assert info_of(inspect).time_limit == minutes


def test_a_running_job_is_not_asked_for_a_note() -> None:
    assert not may_have_note(RECORDED["docker"]["running"])


def test_a_container_that_never_starts_does_not_wait_for_ever() -> None:
    inspect = RECORDED["podman"]["created"]
    patience = START_PATIENCE.total_seconds()
    assert info_of(inspect, age=patience - 1).status is JobStatus.NOT_STARTED
    info = info_of(inspect, age=patience + 1)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.INTERRUPTED)
    assert info.message == "interrupted: the service was stopped before it started the container"


def test_the_time_of_the_end_is_in_utc_to_the_microsecond() -> None:
    inspect = copy.deepcopy(RECORDED["docker"]["exit 0"])
    inspect["State"]["FinishedAt"] = "2026-11-20T14:17:13.352302912-05:00"
    assert info_of(inspect).finished_at == datetime(2026, 11, 20, 19, 17, 13, 352302, UTC)


@pytest.mark.parametrize("status", ["dead", "removing"])
def test_an_ended_job_that_is_being_removed_keeps_its_end(status: str) -> None:
    inspect = copy.deepcopy(RECORDED["docker"]["exit 3"])
    inspect["State"]["Status"] = status
    assert info_of(inspect).message == "the program failed with exit code 3"
    inspect["State"]["FinishedAt"] = "0001-01-01T00:00:00Z"
    assert info_of(inspect).status is JobStatus.UNDEFINED


def test_an_unknown_state_is_undefined_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    inspect = copy.deepcopy(RECORDED["docker"]["running"])
    inspect["State"]["Status"] = "dreaming"
    with caplog.at_level(logging.WARNING):
        info = info_of(inspect)
    assert info.status is JobStatus.UNDEFINED
    assert "dreaming" in info.message
    assert "dreaming" in caplog.text


@ENGINES
def test_a_container_is_a_job_only_under_its_whole_name_and_with_our_labels(engine: str) -> None:
    inspect = copy.deepcopy(RECORDED[engine]["running"])
    assert is_job(inspect, NAME)
    assert not is_job(inspect, inspect["Id"][:6])
    inspect["Config"]["Labels"] = {"org.chrisproject.job_type": "plugin"}  # made by an older pfcon
    assert is_job(inspect, NAME)
    for labels in ({"other": "x"}, None):
        inspect["Config"]["Labels"] = labels
        assert not is_job(inspect, NAME)


def after_reset(what: str) -> dict[str, Any]:
    return {**RECORDED["podman"]["exit 3"], "State": RESET[what]}


@ENGINES
@pytest.mark.parametrize(
    ("life", "interrupted"),
    [
        ("stopped", True),
        ("exit 0", False),
        ("exit 3", False),
        ("exit 127", False),
        ("segfault", False),
    ],
)
def test_a_job_was_interrupted_when_somebody_else_s_signal_ended_it(engine: str, life: str, interrupted: bool) -> None:
    assert info_of(RECORDED[engine][life]).interrupted is interrupted


def test_a_job_that_pfcon_ended_was_not_interrupted() -> None:
    assert not info_of(RECORDED["docker"]["stopped"], note=CANCELLED).interrupted


def test_a_job_without_memory_was_interrupted_only_where_the_engine_does_not_know() -> None:
    assert not info_of(RECORDED["docker"]["out of memory"]).interrupted
    assert info_of(RECORDED["podman"]["out of memory"]).interrupted


def test_a_job_that_can_never_start_was_not_interrupted_one_that_nobody_started_was() -> None:
    assert not info_of(RECORDED["docker"]["start: no command"]).interrupted
    assert info_of(RECORDED["podman"]["created"], age=2 * START_PATIENCE.total_seconds()).interrupted


@pytest.mark.parametrize(
    ("what", "reason", "message"),
    [
        (
            "docker",
            Reason.EXIT_CODE,
            "exit code 255: the program returned this code, or its machine or engine was restarted while it ran",
        ),
        ("podman", Reason.END_UNKNOWN, LOST.message),
        ("podman 5", Reason.END_UNKNOWN, LOST.message),
        ("no exit file", Reason.END_UNKNOWN, "it is not known how the job ended"),
    ],
)
def test_a_job_that_ran_when_its_machine_was_reset_was_interrupted(what: str, reason: Reason, message: str) -> None:
    info = info_of(after_reset(what))
    assert (info.status, info.interrupted) == (JobStatus.FAILED, True)
    assert (info.reason, info.message) == (reason, message)


def test_what_ran_before_its_machine_was_reset_does_not_wait_to_be_started() -> None:
    assert phase_of(after_reset("podman")) is Phase.ENDED
    assert phase_of(RECORDED["podman"]["created"]) is Phase.WAITING
