"""What real engines' refusals become, and what silence becomes."""

import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.docker_api.faults import error_of, no_answer
from pfcon.compute.runtimes import start_failure
from pfcon.compute.words import plain
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable
from pfcon.reasons import Reason

DATA = Path(__file__).parents[1] / "data" / "docker"
RECORDED: dict[str, dict[str, Any]] = {
    engine: json.loads((DATA / f"{engine}-errors.json").read_text()) for engine in ("docker", "podman")
}
ENGINES = pytest.mark.parametrize("engine", ["docker", "podman"])


def recorded(engine: str, label: str) -> PfconError:
    return error_of(**RECORDED[engine][label], verdict=label.startswith(("create", "start")))


@ENGINES
@pytest.mark.parametrize(
    ("label", "error"),
    [
        ("create: name in use", Conflict),
        ("create: no image", Absent),
        ("create: bad image", Refused),
        ("create: cpu", Refused),
        ("create: memory", Refused),
        ("create: mount", Refused),
        ("start: GPUs", Refused),
        ("start: no command", Refused),
        ("inspect: absent", Absent),
        ("remove: absent", Absent),
        ("stop: absent", Absent),
    ],
)
def test_a_recorded_refusal_becomes_our_error(engine: str, label: str, error: type[PfconError]) -> None:
    if RECORDED[engine][label] is None:
        pytest.skip(f"{engine} does not refuse that")
    assert type(recorded(engine, label)) is error


def test_a_refusal_carries_the_engines_reason() -> None:
    refused = recorded("docker", "create: memory")
    assert str(refused) == (
        "the machine can't give the job what it requests: memory_limit: the least that it accepts is 6MB"
    )
    assert refused.reason == Reason.UNSCHEDULABLE
    assert "Minimum memory limit allowed is 6MB" in refused.detail


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", "cpu_limit: it has 2 processors"),
        (
            "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
            "process: error during container init: error setting cgroup config for procHooks process: failed to write "
            '"100": write /sys/fs/cgroup/cpu/docker/1f/cpu.cfs_quota_us: invalid argument: unknown',
            "cpu_limit is less than its kernel accepts",
        ),
        (
            'could not select device driver "" with capabilities: [[gpu]]',
            "gpu_limit: it has no GPU that containers can use",
        ),
    ],
)
def test_a_request_that_a_machine_can_not_fulfil_is_named(text: str, request_: str) -> None:
    error = error_of(500, text, verdict=True)
    assert str(error) == f"the machine can't give the job what it requests: {request_}"


@ENGINES
def test_a_command_that_cannot_be_run_is_told_apart(engine: str) -> None:
    def told(label: str) -> tuple[str, str] | None:
        why = start_failure(str(recorded(engine, label)), "img", "cmd")
        return (why.reason, why.message) if why else None

    missing = (Reason.COMMAND_NOT_FOUND, "no such command in image img: cmd")
    assert told("start: no command") == told("start: no path") == missing
    refused = (Reason.NOT_EXECUTABLE, "not executable in image img: cmd")
    assert told("start: not executable") == told("start: a directory") == refused


@pytest.mark.parametrize(
    ("text", "reason", "begin"),
    [
        (
            "crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime error",
            Reason.COMMAND_NOT_FOUND,
            "no such command",
        ),
        (
            "crun: open executable: Permission denied: OCI permission denied",
            Reason.NOT_EXECUTABLE,
            "not executable in image img: cmd",
        ),
        ('runc create failed: exec: "/x": exec format error', Reason.WRONG_ARCHITECTURE, "not executable"),
    ],
)
def test_other_runtimes_texts_are_known(text: str, reason: Reason, begin: str) -> None:
    why = start_failure(text, "img", "cmd")
    assert why
    assert why.reason == reason
    assert why.message.startswith(begin)


@pytest.mark.parametrize(
    "text",
    [
        'could not select device driver "" with capabilities: [[gpu]]',
        'error mounting "/srv/x" to rootfs at "/share/incoming": stat /srv/x: no such file or directory: '
        "OCI runtime attempted to invoke a command that was not found",  # Podman's guess
        'chdir to cwd ("/w") set in config.json failed: permission denied: OCI permission denied',
    ],
)
def test_other_faults_of_a_start_are_not_blamed_on_the_command(text: str) -> None:
    assert start_failure(text, "img", "cmd") is None


@pytest.mark.parametrize(
    "text",
    [
        "write /x: no space left on device",
        "fork/exec: Resource temporarily unavailable",
        "read /proc/15132/cgroup: no such process",
        "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few are online.",
    ],
)
def test_a_passing_want_of_the_engine_may_be_tried_again(text: str) -> None:
    fault = error_of(500, text, verdict=True)
    assert isinstance(fault, Unreachable)
    assert fault.retryable


@pytest.mark.parametrize("status", [429, 502, 503])
def test_an_engine_that_is_busy_may_be_tried_again(status: int) -> None:
    assert isinstance(error_of(status, "busy", verdict=True), Unreachable)


def test_an_inner_fault_while_asking_for_a_job_is_no_verdict_on_it() -> None:
    assert isinstance(error_of(500, "something broke"), Unreachable)
    assert isinstance(error_of(500, "something broke", verdict=True), Refused)


def test_podmans_500_for_a_container_that_is_just_being_removed_is_absent() -> None:
    text = "container 626d50 does not exist in database: no such container"
    assert isinstance(error_of(500, text), Absent)


def test_a_bad_request_is_refused_whatever_words_its_paths_have() -> None:
    assert isinstance(error_of(400, "bind source path does not exist: /srv/timeout"), Refused)


def wrapped(cause: BaseException) -> Exception:
    """As requests tells it: the cause in the arguments of another error."""
    return ConnectionError(Exception("Connection aborted.", cause))


@pytest.mark.parametrize(
    ("cause", "reason", "sent"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused", False),
        (FileNotFoundError(2, "No such file or directory"), "no such file", False),
        (PermissionError(13, "Permission denied"), "permission denied", False),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known", False),
        (TimeoutError("timed out"), "no answer in time", True),
        (ConnectionResetError(104, "reset"), "the connection broke", True),
        (http.client.RemoteDisconnected("closed"), "the connection broke", True),
    ],
)
@pytest.mark.parametrize("wrap", [lambda cause: cause, wrapped], ids=["plain", "wrapped"])
def test_silence_is_unreachable_with_its_reason(cause: Exception, reason: str, sent: bool, wrap: Any) -> None:
    fault = no_answer("unix:///x.sock", wrap(cause))
    assert isinstance(fault, Unreachable)
    assert "unix:///x.sock" in str(fault)
    assert fault.may_have_arrived is sent
    assert reason in str(fault)


def test_a_certificate_that_is_not_valid_is_told() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    fault = no_answer("tcp://engine:2376", wrapped(cause))
    assert "certificate is not valid (self-signed certificate)" in str(fault)
    assert not fault.may_have_arrived


def test_a_long_text_of_an_engine_is_one_bounded_line() -> None:
    assert plain("a\n  b") == "a b"
    assert len(plain("x" * 5000)) == 500
