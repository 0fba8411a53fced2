"""The compute contract: what a job may use, and the image that it requests."""

import os

import pytest

from pfcon.compute.stopping import Stop
from pfcon.errors import Absent, ImageMissing, Refused
from pfcon.models import JobStatus, Resources
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness

NOWHERE = "127.0.0.1:1/pfcon/absent:1"  # a registry that does not exist


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
