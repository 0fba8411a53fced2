"""The compute contract: several workers of one job, and what each knows of itself."""

import pytest

from pfcon.errors import Absent, Refused
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

BEAT = 'while :; do echo x >> "$1/beat-${PFCON_WORKER:-$(hostname)}"; sleep 0.05; done'
VARIABLES = "$PFCON_WORKER $PFCON_WORKERS $JOB_COMPLETION_INDEX"
FIRST_SAYS = 'echo "$PFCON_WORKER of $PFCON_WORKERS says hello"; touch "$1/said-$PFCON_WORKER"; '


def test_the_only_worker_has_the_number_zero(compute: Harness) -> None:
    spec = compute.shell(f'echo "{VARIABLES}" >"$1/told"')
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert (compute.outgoing(spec) / "told").read_text() == "0 1 0\n"


def test_a_job_cannot_change_what_pfcon_tells_its_worker(compute: Harness) -> None:
    env = (("PFCON_WORKER", "7"), ("PFCON_WORKERS", "8"), ("JOB_COMPLETION_INDEX", "9"))
    spec = compute.shell(f'echo "{VARIABLES}" >"$1/told"', env=env)
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert (compute.outgoing(spec) / "told").read_text() == "0 1 9\n"  # the last one is not pfcon's own


def test_each_of_several_workers_has_a_number_of_its_own(compute: Harness) -> None:
    compute.can.need("workers")
    compute.can.need("numbers")
    spec = compute.shell(f'echo "{VARIABLES}" >"$1/told-$PFCON_WORKER"', resources=Resources(workers=3))
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    told = {path.name: path.read_text() for path in compute.outgoing(spec).iterdir()}
    assert told == {"told-0": "0 3 0\n", "told-1": "1 3 1\n", "told-2": "2 3 2\n"}


def test_several_workers_of_a_job_with_variables_of_its_own_have_both(compute: Harness) -> None:
    compute.can.need("workers")
    compute.can.need("numbers")
    env = (("PFCON_WORKER", "7"), ("JOB_COMPLETION_INDEX", "9"), ("OWN", "$a {{.Task.Slot}} 'b'"))
    script = f'echo "{VARIABLES} $OWN" >"$1/told-$PFCON_WORKER"'
    spec = compute.shell(script, env=env, resources=Resources(workers=2))
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    told = {path.name: path.read_text() for path in compute.outgoing(spec).iterdir()}
    own = "9 $a {{.Task.Slot}} 'b'\n"
    assert told == {"told-0": f"0 2 {own}", "told-1": f"1 2 {own}"}


def test_each_of_several_workers_has_a_host_name_of_its_own(compute: Harness) -> None:
    compute.can.need("workers")
    compute.can.need("hostnames")
    spec = compute.shell('mkdir "$1/$(hostname)"', resources=Resources(workers=3))
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert len(list(compute.outgoing(spec).iterdir())) == 3


def test_the_reason_has_the_number_of_the_worker_that_failed(compute: Harness) -> None:
    compute.can.need("workers")
    compute.can.need("numbers")
    fails = (
        '[ "$PFCON_WORKER" -ne 1 ] || { until [ -e "$1/beat-0" ] && [ -e "$1/beat-2" ]; do sleep 0.05; done; exit 3; }'
    )
    spec = compute.shell(f"{fails}; {BEAT}", resources=Resources(workers=3))
    info = compute.run(spec)
    assert (info.status, info.reason, info.details.exit_code) == (JobStatus.FAILED, Reason.EXIT_CODE, 3)
    assert info.message == "worker 2 of 3: the program failed with exit code 3"
    assert_all_workers_stopped(compute, spec)
    assert compute.engine.info(spec.name).message == info.message


def test_the_log_has_the_words_of_all_workers(compute: Harness) -> None:
    compute.can.need("workers")
    compute.can.need("numbers")
    spec = compute.shell(f"{FIRST_SAYS}while :; do sleep 0.1; done", resources=Resources(workers=3))
    compute.engine.schedule(spec)
    assert eventually(lambda: len(list(compute.outgoing(spec).glob("said-*"))) == 3)
    says = [f"{number} of 3 says hello\n" for number in range(3)]
    assert eventually(lambda: all(text in compute.engine.logs(spec.name, 30) for text in says))
    compute.engine.cancel(spec.name)
    compute.wait(spec.name)
    assert all(compute.engine.logs(spec.name, 30).count(text) == 1 for text in says)


def test_several_workers_are_refused_and_leave_nothing_where_a_job_has_one(compute: Harness) -> None:
    if not compute.can.lacks("workers"):
        pytest.skip(f"{compute.name} runs several workers")
    spec = compute.spec(["true"], resources=Resources(workers=2))
    with pytest.raises(Refused, match="worker"):
        compute.engine.schedule(spec)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_several_workers_all_run(compute: Harness) -> None:
    compute.can.need("workers")
    spec = compute.shell('touch "$1/worker-${PFCON_WORKER:-$(hostname)}"; echo worked', resources=Resources(workers=3))
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert len(list(compute.outgoing(spec).glob("worker-*"))) == 3
    assert compute.engine.logs(spec.name, 30).count("worked") == 3


def test_a_job_fails_when_one_of_its_workers_does(compute: Harness) -> None:
    compute.can.need("workers")
    spec = compute.shell('mkdir "$1"/first && exit 3; exit 0', resources=Resources(workers=3))
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert "exit code 3" in info.message


def start_three_workers(compute: Harness) -> JobSpec:
    compute.can.need("workers")
    spec = compute.shell(BEAT, resources=Resources(workers=3))
    compute.engine.schedule(spec)
    assert eventually(lambda: len(list(compute.outgoing(spec).glob("beat-*"))) == 3)
    return spec


def assert_all_workers_stopped(compute: Harness, spec: JobSpec) -> None:
    assert not [path.name for path in compute.outgoing(spec).glob("beat-*") if not compute.has_stopped(path)]


def test_a_worker_that_fails_ends_the_others_and_is_the_reason(compute: Harness) -> None:
    compute.can.need("workers")
    one_fails = 'mkdir "$1"/first && { until [ -e "$1"/beat-* ]; do sleep 0.05; done; exit 3; }'
    spec = compute.shell(f"{one_fails}; {BEAT}", resources=Resources(workers=2))
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert "exit code 3" in info.message
    assert_all_workers_stopped(compute, spec)


def test_cancel_ends_all_workers(compute: Harness) -> None:
    spec = start_three_workers(compute)
    compute.engine.cancel(spec.name)
    assert compute.wait(spec.name).status is JobStatus.FAILED
    assert_all_workers_stopped(compute, spec)


def test_remove_ends_all_workers(compute: Harness) -> None:
    spec = start_three_workers(compute)
    compute.engine.remove(spec.name)
    assert_all_workers_stopped(compute, spec)


__all__ = [name for name in [*globals()] if name.startswith("test_")]
