"""What is known of a job that Slurm has forgotten and whose own record is lost, from sacct on a real slurmdbd."""

from collections.abc import Iterator

import pytest
from support.engines import slurm_cluster
from support.slurm import TODAY, job_directory, slurm_command, slurm_engine, slurm_harness

from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("slurm")
FORGOTTEN = 90.0  # seconds; MinJobAge is 10


@pytest.fixture
def cluster(storebase: StoreBase) -> Iterator[tuple[str, Harness]]:
    """The slurm.conf of the cluster with a database, and a harness on it."""
    if TODAY:
        pytest.skip("slurmdbd of Debian 13 does not start with its MariaDB 11.8.9 (tests/engines/README.md)")
    conf = slurm_cluster("accounted")
    harness = slurm_harness(storebase.root, "plain")
    harness.engine = slurm_engine(conf, storebase.root)
    yield conf, harness
    harness.close()


def lose_record(storebase: StoreBase, spec: JobSpec) -> None:
    """Remove what the job's script has written of its end, as if its disk had been full."""
    job_directory(storebase, spec.name).joinpath("exit").unlink(missing_ok=True)


def test_the_database_knows_how_forgotten_jobs_have_ended(cluster: tuple[str, Harness], storebase: StoreBase) -> None:
    conf, harness = cluster
    good, bad, stopped = (harness.shell(script) for script in ("exit 0", "exit 4", "sleep 600"))
    numbers = {}
    for spec in (good, bad, stopped):
        harness.engine.schedule(spec)
        numbers[spec.name] = job_directory(storebase, spec.name).joinpath("id").read_text().strip()
    assert eventually(lambda: harness.engine.info(stopped.name).status is JobStatus.STARTED)
    slurm_command(conf, "scancel", numbers[stopped.name])
    states = ["squeue", "--noheader", "--states=all", "--format=%i"]
    assert eventually(lambda: not slurm_command(conf, *states).split(), FORGOTTEN)
    for spec in (good, bad, stopped):
        lose_record(storebase, spec)
    fresh = slurm_engine(conf, storebase.root)
    ends = {spec.name: fresh.info(spec.name) for spec in (good, bad, stopped)}
    assert ends[good.name].status is JobStatus.SUCCEEDED
    assert (ends[bad.name].status, ends[bad.name].reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert ends[bad.name].message == "the program failed with exit code 4"
    assert ends[stopped.name].reason == Reason.STOPPED_OUTSIDE
    assert all(end.finished_at for end in ends.values())
