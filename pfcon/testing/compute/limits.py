"""The compute contract: the time limit of a job, and the message with which a job is stopped."""

from pfcon.compute.exits import at_time_limit
from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.reasons import Reason, Why
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.testing.waiting import PATIENCE, eventually

ONE_MINUTE = Resources(time_limit=1)
STOPPED = Why("stopped by a test of pfcon", reason=Reason.INTERRUPTED)


def start(compute: Harness, script: str, resources: Resources) -> JobSpec:
    spec = compute.shell(f"echo begun; {script}{HEARTBEAT}", resources=resources)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "beat").exists)
    return spec


def wait(compute: Harness, spec: JobSpec) -> JobInfo:
    """Wait for the end of a job at its limit; if the engine has no limits of its own, stop it as the service does."""
    if not compute.engine.own_time_limit:
        assert compute.engine.info(spec.name).time_limit == spec.resources.time_limit
        compute.engine.cancel(spec.name, why=at_time_limit(spec.resources.time_limit))
    return compute.wait(spec.name, PATIENCE + 2 * compute.minute)


def assert_stopped(compute: Harness, spec: JobSpec, info: JobInfo, message: str, reason: str) -> None:
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, message, reason)
    assert not info.interrupted
    assert compute.has_stopped(compute.outgoing(spec) / "beat")
    assert compute.engine.logs(spec.name, 10).startswith("begun\n")  # the engine may add a line of its own
    again = compute.engine.info(spec.name)
    assert (again.status, again.message, again.reason, again.interrupted) == (info.status, message, reason, False)


def test_a_job_is_stopped_at_its_time_limit_whatever_it_does_with_sigterm(compute: Harness) -> None:
    compute.can.need("time_limit")
    jobs = [start(compute, script, ONE_MINUTE) for script in ("", "trap '' TERM; ", "trap 'exit 0' TERM; ")]
    for spec in jobs:
        info = wait(compute, spec)
        assert_stopped(compute, spec, info, "stopped at its time limit of 1 minute", Reason.TIME_LIMIT)


def test_all_workers_are_stopped_at_the_time_limit_of_their_job(compute: Harness) -> None:
    compute.can.need("workers")
    compute.can.need("time_limit")
    spec = start(compute, "", Resources(workers=2, time_limit=1))
    info = wait(compute, spec)
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.TIME_LIMIT, False)
    assert info.message == "stopped at its time limit of 1 minute"
    assert compute.has_stopped(compute.outgoing(spec) / "beat")


def test_a_job_below_its_time_limit_is_not_stopped(compute: Harness) -> None:
    info = compute.run(compute.shell("sleep 1; exit 3", resources=Resources(time_limit=60)))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "the program failed with exit code 3"
    assert compute.run(compute.shell("exit 0", resources=Resources(time_limit=60))).status is JobStatus.SUCCEEDED


def test_a_stopped_job_keeps_its_message(compute: Harness) -> None:
    spec = start(compute, "", Resources())
    compute.engine.cancel(spec.name, why=STOPPED)
    compute.engine.cancel(spec.name)
    assert_stopped(compute, spec, compute.wait(spec.name), STOPPED.message, STOPPED.reason)


__all__ = [name for name in [*globals()] if name.startswith("test_")]
