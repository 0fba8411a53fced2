"""The compute contract: when and where a job ran, with what image, and its exit code (``RunDetails``)."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

CLOCKS = timedelta(seconds=1)  # some engines report whole seconds


def wait_for_start(compute: Harness, spec: JobSpec) -> JobInfo:
    """Return the state of a running job, as soon as the engine reports its start; skip the test if it never does."""
    compute.can.need("started_at")
    assert eventually(lambda: compute.engine.info(spec.name).details.started_at)
    return compute.engine.info(spec.name)


def assert_exit_code(compute: Harness, spec: JobSpec, code: int | None) -> None:
    info = compute.run(spec)
    assert info.details.exit_code == code, info.message
    assert compute.engine.info(spec.name).details == info.details


def test_a_job_that_succeeds_has_the_exit_code_0(compute: Harness) -> None:
    assert_exit_code(compute, compute.shell("exit 0"), 0)


def test_a_job_that_fails_has_its_own_exit_code(compute: Harness) -> None:
    assert_exit_code(compute, compute.shell("exit 3"), 3)


def test_a_job_that_kills_itself_has_the_exit_code_of_that_signal(compute: Harness) -> None:
    assert_exit_code(compute, compute.shell("kill -KILL $$; exit 0"), 137)


def test_a_command_that_cannot_be_run_has_neither_start_nor_exit_code(compute: Harness) -> None:
    info = compute.run(compute.spec(["no-such-program-here"]))
    assert info.status is JobStatus.FAILED
    assert (info.details.started_at, info.details.exit_code) == (None, None)


def test_a_job_that_was_cancelled_has_no_exit_code_but_that_of_a_signal(compute: Harness) -> None:
    spec = compute.start_lasting()
    compute.engine.cancel(spec.name)
    assert compute.wait(spec.name).details.exit_code in (None, 143, 137)


def test_of_several_workers_the_exit_code_is_that_of_the_one_that_failed(compute: Harness) -> None:
    compute.can.need("workers")
    one_fails = 'mkdir "$1"/first && { until [ -e "$1"/other ]; do sleep 0.05; done; exit 3; }'
    goes_on = 'touch "$1"/other; while :; do sleep 0.1; done'
    assert_exit_code(compute, compute.shell(f"{one_fails}; {goes_on}", resources=Resources(workers=2)), 3)


def test_several_workers_that_succeed_have_the_exit_code_0(compute: Harness) -> None:
    compute.can.need("workers")
    assert_exit_code(compute, compute.shell("exit 0", resources=Resources(workers=2)), 0)


def test_a_running_job_has_a_start_and_no_exit_code(compute: Harness) -> None:
    before = datetime.now(UTC)
    spec = compute.start_lasting()
    assert compute.engine.info(spec.name).details.exit_code is None
    info = wait_for_start(compute, spec)
    assert info.details.exit_code is None
    assert info.details.started_at is not None
    assert info.details.started_at.utcoffset() == timedelta(0)
    assert before - CLOCKS < info.details.started_at < datetime.now(UTC) + CLOCKS


def test_the_start_of_a_job_is_the_same_later_and_after_its_end(compute: Harness) -> None:
    spec = compute.shell('until [ -e "$1"/go ]; do sleep 0.1; done')
    compute.engine.schedule(spec)
    running = wait_for_start(compute, spec).details
    assert compute.engine.info(spec.name).details.started_at == running.started_at
    (compute.outgoing(spec) / "go").touch()
    ended = compute.wait(spec.name).details
    assert ended.started_at in (None, running.started_at)  # an engine may report it only as long as the job runs
    assert compute.engine.info(spec.name).details == ended


def test_a_job_is_placed_between_its_submission_and_its_start(compute: Harness) -> None:
    """Or the engine does not tell, maybe not any more after the end; what it has told does not change."""
    before = datetime.now(UTC)
    spec = compute.start_lasting()
    running = wait_for_start(compute, spec).details
    assert running.started_at is not None
    placed = running.placed_at
    if placed is None:
        pytest.skip(f"{compute.name} does not report when it had a place for the job")
    assert placed.utcoffset() == timedelta(0)
    assert before - CLOCKS < placed <= running.started_at
    compute.engine.cancel(spec.name)
    assert compute.wait(spec.name).details.placed_at in (None, placed)  # a kubelet 1.20 drops a pod's conditions


def test_the_node_of_a_job_is_known_while_it_runs_and_after_its_end(compute: Harness) -> None:
    compute.can.need("node")
    spec = compute.shell('until [ -e "$1"/go ]; do sleep 0.1; done')
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.info(spec.name).details.node)
    node = compute.engine.info(spec.name).details.node
    (compute.outgoing(spec) / "go").touch()
    assert compute.wait(spec.name).details.node == node
    assert "," not in str(node)


def test_the_digest_of_the_image_is_known(compute: Harness) -> None:
    compute.can.need("images")
    compute.can.need("image_digest")
    digest = compute.run(compute.shell("exit 0")).details.image_digest
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", str(digest))


def test_what_was_used_is_plausible_where_it_is_known(compute: Harness) -> None:
    kept = 24 * 1024 * 1024
    info = compute.run(compute.spec(["python3", "-c", f"kept = b'x' * {kept}; sum(range(3_000_000))"]))
    assert info.status is JobStatus.SUCCEEDED
    memory, seconds = info.details.max_memory, info.details.cpu_seconds
    if memory is None and seconds is None:
        pytest.skip(f"{compute.name} does not report what a job has used")
    assert memory is None or kept <= memory < 8 * kept
    assert seconds is None or 0.01 < seconds < 60


__all__ = [name for name in [*globals()] if name.startswith("test_")]
