"""Why a job has failed, by its exit code and what the engine reports besides; and which ends have another cause."""

import signal
from typing import Any

import pytest

from pfcon.compute.exits import (
    at_time_limit,
    by_exit_code,
    out_of_memory_note,
    signal_name,
    was_killed,
    was_lost,
)
from pfcon.reasons import SUCCESS, Reason
from pfcon.units import MIB

LIMIT = {"limit": 64 * MIB}
KNOWN: dict[str, Any] = {"may_be_lost": False}
ITSELF = "or returned this code itself"
MEMORY = "maybe because it exceeded its memory limit of 64 MiB"
UNKNOWN_SENDER = "it is not known who sent it"
LOST = "exit code 255: the program returned this code, or its machine or engine was restarted while it ran"
EXCEEDED = "out of memory: the job exceeded its limit of 64 MiB"


def ended_by(code: int, name: str) -> str:
    return f"exit code {code}: the program was ended by signal {name}"


@pytest.mark.parametrize(
    ("code", "reported", "reason", "message", "interrupted"),
    [
        (1, {}, Reason.EXIT_CODE, "the program failed with exit code 1", False),
        (3, {}, Reason.EXIT_CODE, "the program failed with exit code 3", False),
        (3, LIMIT, Reason.EXIT_CODE, "the program failed with exit code 3", False),
        (126, {}, Reason.EXIT_CODE, "the program failed with exit code 126", False),
        (127, {}, Reason.EXIT_CODE, "the program failed with exit code 127", False),
        (128, {}, Reason.EXIT_CODE, "the program failed with exit code 128", False),
        (129, {}, Reason.SIGNAL, f"{ended_by(129, 'SIGHUP')}, {ITSELF}", False),
        (134, {}, Reason.SIGNAL, "the program crashed: signal SIGABRT", False),
        (137, {}, Reason.SIGNAL, f"{ended_by(137, 'SIGKILL')}, {ITSELF}", True),
        (137, LIMIT, Reason.SIGNAL, f"{ended_by(137, 'SIGKILL')}, {MEMORY}, {ITSELF}", True),
        (
            137,
            {"certain": True},
            Reason.SIGNAL,
            f"the program was ended by signal SIGKILL; {UNKNOWN_SENDER}",
            True,
        ),
        (
            137,
            {"certain": True, **LIMIT},
            Reason.SIGNAL,
            f"the program was ended by signal SIGKILL, {MEMORY}",
            True,
        ),
        (137, {"oom_killed": True, **LIMIT}, Reason.OUT_OF_MEMORY, EXCEEDED, False),
        (
            137,
            {"oom_killed": True},
            Reason.OUT_OF_MEMORY,
            "out of memory: the job needed more memory than it gets",
            False,
        ),
        (1, {"oom_killed": True, **LIMIT}, Reason.OUT_OF_MEMORY, EXCEEDED, False),
        (255, {"oom_killed": True, **LIMIT}, Reason.OUT_OF_MEMORY, EXCEEDED, False),
        (139, {}, Reason.SIGNAL, "the program crashed: signal SIGSEGV", False),
        (139, LIMIT, Reason.SIGNAL, "the program crashed: signal SIGSEGV", False),
        (143, {}, Reason.SIGNAL, f"{ended_by(143, 'SIGTERM')}, {ITSELF}", True),
        (143, LIMIT, Reason.SIGNAL, f"{ended_by(143, 'SIGTERM')}, {ITSELF}", True),
        (
            143,
            {"certain": True, **LIMIT},
            Reason.SIGNAL,
            f"the program was ended by signal SIGTERM; {UNKNOWN_SENDER}",
            True,
        ),
        (200, {}, Reason.EXIT_CODE, "the program failed with exit code 200", False),
        (254, {}, Reason.EXIT_CODE, "the program failed with exit code 254", False),
        (255, {}, Reason.EXIT_CODE, LOST, True),
        (255, {"may_be_lost": True}, Reason.EXIT_CODE, LOST, True),
        (255, KNOWN, Reason.EXIT_CODE, "the program failed with exit code 255", False),
        (-1, {}, Reason.END_UNKNOWN, "it is not known how the job ended", True),
        (-1, KNOWN, Reason.SIGNAL, f"the program was ended by signal SIGHUP; {UNKNOWN_SENDER}", False),
        (-9, {}, Reason.SIGNAL, f"the program was ended by signal SIGKILL; {UNKNOWN_SENDER}", True),
        (-9, LIMIT, Reason.SIGNAL, f"the program was ended by signal SIGKILL, {MEMORY}", True),
        (-11, KNOWN, Reason.SIGNAL, "the program crashed: signal SIGSEGV", False),
        (-15, KNOWN, Reason.SIGNAL, f"the program was ended by signal SIGTERM; {UNKNOWN_SENDER}", True),
        (-40, KNOWN, Reason.SIGNAL, f"the program was ended by signal 40; {UNKNOWN_SENDER}", False),
    ],
)
def test_an_exit_code_is_told_with_what_the_engine_knows(
    code: int, reported: dict[str, Any], reason: Reason, message: str, interrupted: bool
) -> None:
    why = by_exit_code(code, **reported)
    assert (why.reason, why.message, why.interrupted) == (reason, message, interrupted)


@pytest.mark.parametrize("reported", [{}, LIMIT, {"oom_killed": True}, {"certain": True}, {"may_be_lost": True}])
def test_a_job_that_succeeded_has_no_reason(reported: dict[str, Any]) -> None:
    assert by_exit_code(0, **reported) == SUCCESS


@pytest.mark.parametrize("code", [code for code in range(-64, 256) if code])
def test_every_other_code_has_a_reason(code: int) -> None:
    for oom_killed in (False, True):
        why = by_exit_code(code, oom_killed=oom_killed)
        assert why
        assert why.reason


@pytest.mark.parametrize("code", [code for code in range(-20, 256) if code and code not in (-1, 255)])
def test_a_code_is_an_interruption_where_somebody_has_killed_the_job(code: int) -> None:
    assert by_exit_code(code).interrupted is was_killed(code)


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (1, "stopped at its time limit of 1 minute"),
        (60, "stopped at its time limit of 60 minutes"),
        (None, "stopped at its time limit"),
    ],
)
def test_a_time_limit_is_named(minutes: int | None, message: str) -> None:
    why = at_time_limit(minutes)
    assert (why.reason, why.message, why.interrupted) == (Reason.TIME_LIMIT, message, False)


def test_a_success_may_have_a_note_about_memory() -> None:
    assert "exceeded the limit of 64 MiB" in out_of_memory_note(64 * MIB)
    assert "exceeded the memory that it gets" in out_of_memory_note(0)


def test_a_signal_has_a_name_if_there_is_one() -> None:
    assert [signal_name(number) for number in (9, 15, 11, 0, 40, 999)] == ["SIGKILL", "SIGTERM", "SIGSEGV", "", "", ""]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_that_others_send_counts_however_it_is_written(number: signal.Signals) -> None:
    assert was_killed(128 + number)
    assert was_killed(-number)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL])
def test_a_signal_that_a_job_brings_upon_itself_does_not_count(number: signal.Signals) -> None:
    assert not was_killed(128 + number)
    assert not was_killed(-number)


@pytest.mark.parametrize("code", [0, 1, 9, 15, 127, 255])
def test_an_exit_code_of_its_own_is_no_signal(code: int) -> None:
    assert not was_killed(code)


def test_a_kill_for_want_of_memory_does_not_count() -> None:
    assert not was_killed(137, oom_killed=True)


def test_only_what_a_runtime_writes_for_lack_of_an_exit_code_counts_as_lost() -> None:
    assert [code for code in range(-20, 256) if was_lost(code)] == [-1, 255]
