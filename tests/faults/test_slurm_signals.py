"""What reaches a job's processes on a real Slurm, of one worker and of several, and that none of them is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import slurm_cluster
from support.slurm import default_mode, job_directory, leftovers, slurm_command, slurm_engine, slurm_harness

from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("slurm")
GRACE = 3  # seconds; the clusters' KillWait lets it be no longer
HEEDS = """\
trap 'sleep 0.3; touch "$1/told-$(hostname)"; exit 0' TERM
echo begun
while :; do sleep 0.05; done
"""
each_launcher = pytest.mark.parametrize("launcher", ["crun", "runc", "charliecloud"])
one_worker_and_two = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    tmp_path.chmod(0o755)
    harness = slurm_harness(tmp_path)
    yield harness
    harness.close()


def engine_of(harness: Harness, launcher: str) -> SlurmEngine:
    return slurm_engine(slurm_cluster(default_mode()), harness.storebase.root, launcher=launcher, stop_grace=GRACE)


def start(harness: Harness, engine: SlurmEngine, script: str, workers: int) -> JobSpec:
    """A job of workers that each print "begun", and have done so."""
    spec = harness.shell(script, resources=Resources(workers=workers))
    engine.schedule(spec)
    assert eventually(lambda: engine.logs(spec.name, 9) == "begun\n" * workers)
    return spec


@one_worker_and_two
@each_launcher
def test_what_heeds_sigterm_has_time_to_end_by_itself(harness: Harness, launcher: str, workers: int) -> None:
    engine = engine_of(harness, launcher)
    spec = start(harness, engine, HEEDS, workers)
    engine.cancel(spec.name)
    assert engine.info(spec.name).status.final
    assert engine.logs(spec.name, 9) == "begun\n" * workers
    told = {path.name for path in harness.outgoing(spec).iterdir()}
    assert told == {f"told-job-{number}" for number in range(workers)}


@each_launcher
def test_cancel_of_several_workers_leaves_nothing_over(harness: Harness, launcher: str) -> None:
    engine = engine_of(harness, launcher)
    spec = start(harness, engine, "sleep 4722.5 & trap '' TERM; echo begun; wait; sleep 4722.5", 2)
    engine.cancel(spec.name)
    assert harness.wait(spec.name).message == "cancelled"
    assert eventually(lambda: not leftovers("4722.5"))
    assert engine.logs(spec.name, 9) == "begun\nbegun\n"


@one_worker_and_two
@each_launcher
def test_nothing_outlives_a_batch_script_that_is_killed(harness: Harness, launcher: str, workers: int) -> None:
    engine = engine_of(harness, launcher)
    spec = start(harness, engine, "trap '' TERM; echo begun; sleep 4733.5; sleep 4733.5", workers)
    assert eventually(lambda: len(leftovers("4733.5")) >= workers)
    number = job_directory(harness.storebase, spec.name).joinpath("id").read_text()
    slurm_command(slurm_cluster(default_mode()), "scancel", "--batch", "--signal=KILL", number)
    assert harness.wait(spec.name).status is JobStatus.FAILED
    assert eventually(lambda: not leftovers("4733.5"))
