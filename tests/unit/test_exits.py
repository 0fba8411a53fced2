"""Which ends of a job count as somebody else's doing."""

import signal

import pytest

from pfcon.compute.interruption import was_killed, was_lost


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
