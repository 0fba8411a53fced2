"""The compute contract: what a job may use, and the image and the workers that it requests."""

import os

import pytest

from pfcon.compute.stopping import Stop
from pfcon.errors import Absent, ImageMissing, Refused
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

NOWHERE = "127.0.0.1:1/pfcon/absent:1"  # a registry that does not exist
BEAT = 'while :; do echo x >> "$1"/beat-$(hostname); sleep 0.05; done'


def test_a_job_above_its_memory_limit_fails_and_the_limit_is_reported(compute: Harness) -> None:
    compute.can.need("memory")
    eat = "import time\nkept = []\nfor _ in range(512): kept.append(b'x' * (1 << 20))\ntime.sleep(60)"
    info = compute.run(compute.spec(["python3", "-c", eat], resources=Resources(memory=64)))
    assert info.status is JobStatus.FAILED
    assert info.reason in (Reason.OUT_OF_MEMORY, Reason.SIGNAL)  # not every engine reports why it killed the job
    assert "memory" in info.message
    assert "64 MiB" in info.message


def test_a_job_within_its_limits_is_left_alone(compute: Harness) -> None:
    eat = "import time; kept = b'x' * (32 << 20); time.sleep(1.5)"
    limits = Resources(cpu=500, memory=256, pids=50)
    info = compute.run(compute.spec(["python3", "-c", eat], resources=limits))
    assert info.status is JobStatus.SUCCEEDED, info.message


def test_a_job_that_forks_above_its_limit_fails(compute: Harness) -> None:
    compute.can.need("pids")
    fork = (
        "import os, time\n"
        "for _ in range(100):\n"
        "    if not os.fork():\n"
        "        time.sleep(60); os._exit(0)\n"
        "for _ in range(100): os.wait()\n"
    )
    info = compute.run(compute.spec(["python3", "-c", fork], resources=Resources(pids=20)))
    assert info.status is JobStatus.FAILED


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
    spec = compute.shell('touch "$1"/worker-$(hostname); echo worked', resources=Resources(workers=3))
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


def test_an_absent_image_is_reported_and_leaves_nothing(compute: Harness) -> None:
    compute.can.need("asks_for_images")
    spec = compute.spec(["true"], image=NOWHERE)
    with pytest.raises(ImageMissing):
        compute.engine.schedule(spec)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_an_image_that_cannot_be_fetched_is_refused_by_name(compute: Harness) -> None:
    compute.can.need("images")
    compute.can.need("prepare")
    with pytest.raises(Refused, match="absent"):
        compute.engine.prepare(compute.spec(["true"], image=NOWHERE), lambda text: None, Stop())


def test_a_job_does_not_wait_for_an_image_that_cannot_be_had(compute: Harness) -> None:
    compute.can.need("images")
    spec = compute.spec(["true"], image=NOWHERE)
    try:
        info = compute.run(spec)
    except ImageMissing:
        return  # then ``prepare`` raises, as above
    assert info.status is JobStatus.FAILED
    assert NOWHERE in info.message


def test_a_job_of_a_service_that_is_not_root_reaches_what_is_mounted(compute: Harness) -> None:
    """The directory is accessible only for that user; the engine mounts it as root."""
    compute.can.need("mounts")
    if os.geteuid() != 0:
        pytest.skip("needs root to give a job's directory to the user of another service")
    spec = compute.shell('cat /share/incoming/a >"$1/b"')
    (compute.incoming(spec) / "a").write_text("alpha")
    compute.outgoing(spec).chmod(0o777)
    key = compute.incoming(spec).parent
    os.chown(key, 4321, 4321)
    assert key.stat().st_mode & 0o777 == 0o700
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert (compute.outgoing(spec) / "b").read_text() == "alpha"


__all__ = [name for name in [*globals()] if name.startswith("test_")]
