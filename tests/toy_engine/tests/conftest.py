"""The toy engine, for the contract and for the tests beside it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.compute import Capabilities, Harness
from pfcon.testing.compute.outside import processes_of
from pfcon_toy.engine import ToyEngine

NO_MOUNTS = "the toy engine has no mounts: a job sees what the service's user sees"
NO_IMAGES = "the toy engine ignores the image"
NO_LIMITS = "the toy engine has no limits"
CAN = Capabilities(
    read_only_inputs=NO_MOUNTS,
    own_root=NO_MOUNTS,
    mounts=NO_MOUNTS,
    images=NO_IMAGES,
    asks_for_images=NO_IMAGES,
    prepare=NO_IMAGES,
    memory=NO_LIMITS,
    pids=NO_LIMITS,
    shm=NO_LIMITS,
    workers="the toy engine runs one process for a job",
    user="the toy engine runs jobs as its own user",
    no_capabilities="the toy engine runs jobs as its own user",
    node="the toy engine runs all jobs on one machine",
    image_digest=NO_IMAGES,
    labels="the toy engine has nothing to label",
    foreign_jobs="the names of jobs are directories of pfcon's own",
    unreachable="the toy engine has no server that could be away",
)


def kill_keeper(spec: JobSpec) -> None:
    """Kill the keeper of a job, which is the parent of its command (proc_pid_stat(5))."""
    (command,) = processes_of(spec)
    fields = Path(f"/proc/{command}/stat").read_text().rpartition(")")[2].split()
    os.kill(int(fields[1]), signal.SIGKILL)


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    """What drives the engine; all jobs are removed at the end."""
    engine = ToyEngine(storebase, grace=2, log_bytes=8 * 1024 * 1024)
    harness = Harness(engine, storebase, image="any", workdir=None, can=CAN, end_keeper=kill_keeper)
    yield harness
    harness.close()
