"""The compute contract: whether a job that failed was ended from outside, so that it may be run again."""

import signal

import pytest

from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import eventually


def assert_failed(compute: Harness, info: JobInfo, *, interrupted: bool) -> None:
    assert info.status is JobStatus.FAILED
    assert info.message
    assert info.interrupted is interrupted, info.message
    again = compute.engine.info(info.name)
    assert (again.status, again.message, again.interrupted) == (info.status, info.message, info.interrupted)


def assert_interrupted(compute: Harness, spec: JobSpec) -> None:
    assert_failed(compute, compute.wait(spec.name), interrupted=True)


def test_a_job_that_succeeds_was_not_interrupted(compute: Harness) -> None:
    assert not compute.run(compute.shell("exit 0")).interrupted


def test_a_job_that_fails_by_itself_was_not_interrupted(compute: Harness) -> None:
    assert_failed(compute, compute.run(compute.shell("exit 3")), interrupted=False)


def test_a_job_that_crashes_was_not_interrupted(compute: Harness) -> None:
    assert_failed(compute, compute.run(compute.shell("kill -SEGV $$; exit 0")), interrupted=False)


def test_a_job_whose_command_cannot_be_run_was_not_interrupted(compute: Harness) -> None:
    assert_failed(compute, compute.run(compute.spec(["no-such-program-here"])), interrupted=False)


def test_a_job_that_was_cancelled_was_not_interrupted(compute: Harness) -> None:
    spec = compute.start_lasting()
    compute.engine.cancel(spec.name)
    assert_failed(compute, compute.wait(spec.name), interrupted=False)


def test_a_job_that_had_to_be_killed_when_it_was_cancelled_was_not_interrupted(compute: Harness) -> None:
    spec = compute.start_lasting("trap '' TERM; ")
    compute.engine.cancel(spec.name)
    assert_failed(compute, compute.wait(spec.name), interrupted=False)


def test_a_job_above_its_memory_limit_was_not_interrupted(compute: Harness) -> None:
    compute.can.need("memory")
    eat = "import time\nkept = []\nfor _ in range(512): kept.append(b'x' * (1 << 20))\ntime.sleep(60)"
    info = compute.run(compute.spec(["python3", "-c", eat], resources=Resources(memory=64)))
    if info.reason == Reason.SIGNAL:
        pytest.skip(f"{compute.name} does not report here why it killed the job; it is harmless to run it again")
    assert_failed(compute, info, interrupted=False)


def test_a_worker_that_fails_by_itself_does_not_make_the_end_of_the_others_an_interruption(compute: Harness) -> None:
    compute.can.need("workers")
    one_fails = 'mkdir "$1"/first && { until [ -e "$1"/other ]; do sleep 0.05; done; exit 3; }'
    goes_on = 'touch "$1"/other; while :; do sleep 0.1; done'
    info = compute.run(compute.shell(f"{one_fails}; {goes_on}", resources=Resources(workers=2)))
    assert_failed(compute, info, interrupted=False)
    assert info.reason == Reason.EXIT_CODE
    assert "exit code 3" in info.message


def test_a_job_that_somebody_kills_was_interrupted(compute: Harness) -> None:
    spec = compute.start_lasting()
    compute.kill_outside(spec, signal.SIGKILL)
    assert_interrupted(compute, spec)


def test_a_job_below_a_memory_limit_that_somebody_kills_was_interrupted(compute: Harness) -> None:
    spec = compute.start_lasting(resources=Resources(memory=64))
    compute.kill_outside(spec, signal.SIGKILL)
    assert_interrupted(compute, spec)


def test_a_job_that_somebody_asks_to_end_was_interrupted(compute: Harness) -> None:
    spec = compute.start_lasting()
    compute.kill_outside(spec, signal.SIGTERM)
    assert_interrupted(compute, spec)


def test_a_job_that_loses_what_keeps_it_was_interrupted(compute: Harness) -> None:
    spec = compute.start_lasting()
    compute.lose_keeper(spec)
    assert_interrupted(compute, spec)
    assert eventually(lambda: not processes_of(spec))


__all__ = [name for name in [*globals()] if name.startswith("test_")]
