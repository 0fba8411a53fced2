"""Several workers on the process engine: processes below one supervisor."""

import os
import signal
import time

import pytest
from support.compute import make_harness, read_number

from pfcon.compute.process.spec import make_plan
from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness, still_changes
from pfcon.testing.waiting import eventually

TWO = Resources(workers=2)
BEAT = 'while :; do echo x >>"$1/beat-$PFCON_WORKER"; sleep 0.05; done'


@pytest.fixture
def compute(storebase: StoreBase) -> Harness:
    return make_harness("process", storebase.root)


def beats(compute: Harness, name: str, number: int) -> bool:
    """Whether so many workers have begun."""
    return len(list(compute.storebase.root.glob(f"key-{name}/outgoing/beat-*"))) == number


def test_a_killed_supervisor_takes_all_workers_with_it(compute: Harness) -> None:
    spec = compute.shell(f'echo $PPID >"$1/parent-$PFCON_WORKER"; {BEAT}', resources=TWO)
    compute.engine.schedule(spec)
    assert eventually(lambda: beats(compute, spec.jid, 2))
    parents = {read_number(compute.outgoing(spec) / f"parent-{number}") for number in range(2)}
    (parent,) = parents
    os.kill(parent, signal.SIGKILL)
    info = compute.wait(spec.name)
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.INTERRUPTED, True)
    assert not any(still_changes(compute.outgoing(spec) / f"beat-{number}") for number in range(2))
    compute.close()


def test_a_job_goes_on_until_its_last_worker_has_succeeded(compute: Harness) -> None:
    script = '[ "$PFCON_WORKER" = 0 ] || until [ -e "$1/go" ]; do sleep 0.05; done; touch "$1/done-$PFCON_WORKER"'
    spec = compute.shell(script, resources=TWO)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "done-0").exists)
    time.sleep(0.3)
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    (compute.outgoing(spec) / "go").touch()
    info = compute.wait(spec.name)
    assert (info.status, info.details.exit_code) == (JobStatus.SUCCEEDED, 0)
    assert (compute.outgoing(spec) / "done-1").exists()
    compute.close()


def test_a_cancellation_while_the_others_end_does_not_change_the_reason(compute: Harness) -> None:
    script = f'[ "$PFCON_WORKER" = 0 ] || {{ sleep 0.5; echo x >"$1/failed"; exit 3; }}; trap "" TERM; {BEAT}'
    spec = compute.shell(script, resources=TWO)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "failed").exists)
    time.sleep(0.3)
    assert compute.engine.info(spec.name).status is JobStatus.STARTED  # the other one has its grace
    compute.engine.cancel(spec.name)
    info = compute.wait(spec.name)
    assert (info.status, info.details.exit_code) == (JobStatus.FAILED, 3)
    assert info.message == "worker 2 of 2: the program failed with exit code 3"
    compute.close()


def test_a_command_that_cannot_be_run_has_no_worker_and_no_exit_code(compute: Harness) -> None:
    info = compute.run(compute.spec(["no-such-program"], resources=TWO))
    assert (info.reason, info.message) == (Reason.COMMAND_NOT_FOUND, "no such command: no-such-program")
    assert (info.details.exit_code, info.details.started_at) == (None, None)
    compute.close()


def test_the_limits_are_those_of_all_workers_together(compute: Harness) -> None:
    eat = "import time; kept = b'x' * (40 << 20); time.sleep(1.5)"
    assert compute.run(compute.spec(["python3", "-c", eat], resources=Resources(memory=64, workers=2))).status is (
        JobStatus.SUCCEEDED
    )
    eat = "import time; kept = b'x' * (90 << 20); time.sleep(30)"
    info = compute.run(compute.spec(["python3", "-c", eat], resources=Resources(memory=64, workers=2)))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.OUT_OF_MEMORY)
    assert "128 MiB" in info.message
    compute.close()


def test_only_several_workers_get_their_numbers_from_the_supervisor(compute: Harness) -> None:
    one = make_plan(compute.spec(["true"]), compute.storebase, 1, "m", 0)
    several = make_plan(compute.spec(["true"], resources=TWO), compute.storebase, 1, "m", 0)
    assert (one["workers"], one["numbers"]) == (1, [])
    assert (several["workers"], several["numbers"]) == (2, ["PFCON_WORKER", "JOB_COMPLETION_INDEX"])
    own = compute.spec(["true"], resources=TWO, env=(("JOB_COMPLETION_INDEX", "x"),))
    assert make_plan(own, compute.storebase, 1, "m", 0)["numbers"] == ["PFCON_WORKER"]
