"""How jobs wait and end on a real HTCondor when people or the pool interfere, and what is known of them later."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
from support.engines import htcondor_pool
from support.htcondor import condor_command, end_script, htcondor_engine, htcondor_harness, job_directory

from pfcon.compute.htcondor.engine import HTCondorEngine
from pfcon.errors import Absent, Refused
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("htcondor")
COUNTED = 'echo run >>"$1"/runs; while [ ! -e "$1"/go ]; do sleep 0.1; done'


@dataclass
class Pool:
    """A harness and its pool."""

    conf: str
    harness: Harness

    def engine(self, **options: object) -> HTCondorEngine:
        """Another engine over the same storeBase; ``options`` as of htcondor_engine."""
        return htcondor_engine(self.conf, self.harness.storebase.root, **options)  # type: ignore[arg-type]

    def number(self, spec: JobSpec) -> str:
        """What HTCondor calls a job."""
        return job_directory(self.harness.storebase, spec.name).joinpath("id").read_text() + ".0"

    def call(self, program: str, spec: JobSpec, *words: str) -> str:
        """Run a command for a job, as an administrator."""
        return condor_command(self.conf, program, self.number(spec), *words)

    def state(self, spec: JobSpec) -> str:
        """JobStatus of a job; empty if it is not in the queue."""
        return self.call("condor_q", spec, "-af", "JobStatus").strip()

    def starter(self, spec: JobSpec) -> psutil.Process:
        """The daemon that runs a job."""
        above = [parent for process in processes_of(spec) for parent in psutil.Process(process).parents()]
        return next(parent for parent in above if parent.name() == "condor_starter")


@pytest.fixture
def pool(storebase: StoreBase) -> Iterator[Pool]:
    harness = htcondor_harness(storebase.root)
    yield Pool(htcondor_pool(), harness)
    harness.close()


def says(engine: HTCondorEngine, spec: JobSpec, text: str) -> bool:
    return text in engine.info(spec.name).message


def failed(info: JobInfo, reason: Reason, message: str) -> None:
    assert (info.status, info.reason, info.message) == (JobStatus.FAILED, reason, message)


def test_a_job_that_somebody_removes_names_the_user(pool: Pool) -> None:
    spec = pool.harness.start_lasting()
    pool.call("condor_rm", spec)
    info = pool.harness.wait(spec.name)
    failed(info, Reason.STOPPED_OUTSIDE, "stopped in HTCondor by user www-data, not by pfcon")
    assert not info.interrupted
    assert not processes_of(spec)


def test_a_job_that_somebody_holds_while_it_runs_ends_and_leaves_the_queue(pool: Pool) -> None:
    spec = pool.harness.start_lasting()
    pool.call("condor_hold", spec)
    failed(pool.harness.wait(spec.name), Reason.STOPPED_OUTSIDE, "stopped in HTCondor by user www-data, not by pfcon")
    assert pool.state(spec) in ("", "3")


def test_a_held_job_waits_until_it_is_released(pool: Pool) -> None:
    engine = pool.engine(lines=("hold = True",), patience=0)
    spec = pool.harness.shell("exit 0")
    engine.schedule(spec)
    text = "held in HTCondor (submitted on hold at user's request): it waits until it is released (condor_release)"
    assert eventually(lambda: says(engine, spec, text))
    before = engine.active_jobs()[spec.name]
    pool.call("condor_release", spec)
    assert pool.harness.wait(spec.name).status is JobStatus.SUCCEEDED
    assert engine.active_jobs().get(spec.name) != before


def test_a_job_that_could_not_be_started_ends_with_the_reason_and_leaves_the_queue(pool: Pool) -> None:
    engine = pool.engine(lines=("executable = /nonexistent/sh",), patience=0)
    spec = pool.harness.shell("exit 0")
    engine.schedule(spec)
    info = pool.harness.wait(spec.name)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.ENGINE_SETUP)
    assert "Failed to execute '/nonexistent/sh'" in info.message
    assert "No such file or directory" in info.message
    assert pool.state(spec) in ("", "3")


def test_a_job_that_is_vacated_can_be_run_again_but_does_not_run_twice(pool: Pool) -> None:
    spec = pool.harness.shell(COUNTED)
    pool.harness.engine.schedule(spec)
    runs = pool.harness.outgoing(spec) / "runs"
    assert eventually(runs.exists)
    pool.call("condor_vacate_job", spec)
    info = pool.harness.wait(spec.name)
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.INTERRUPTED, True)
    assert info.message.startswith("interrupted: HTCondor put it back in its queue, and it does not run twice")
    assert pool.state(spec) in ("", "3")
    time.sleep(3)  # longer than two rounds of the negotiator
    assert runs.read_text() == "run\n"


def test_a_job_whose_starter_is_killed_ends_and_does_not_run_twice(pool: Pool) -> None:
    spec = pool.harness.start_lasting('echo run >>"$1"/runs;')
    os.kill(pool.starter(spec).pid, signal.SIGKILL)
    info = pool.harness.wait(spec.name)
    assert (info.status, info.interrupted) == (JobStatus.FAILED, True)
    assert eventually(lambda: not processes_of(spec))
    assert (pool.harness.outgoing(spec) / "runs").read_text() == "run\n"


def test_the_end_of_a_job_that_has_left_the_queue_is_in_the_history(pool: Pool) -> None:
    engine = pool.engine()
    spec = pool.harness.start_lasting()
    end_script(spec)
    assert eventually(lambda: pool.state(spec) == "4")
    pool.call("condor_rm", spec)  # it is still there, as removed
    pool.call("condor_rm", spec, "-forcex")
    assert eventually(lambda: pool.state(spec) == "")
    assert eventually(lambda: engine.info(spec.name).status.ended)
    info = engine.info(spec.name)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.SIGNAL)
    assert "SIGKILL" in info.message


def test_a_job_that_no_machine_can_run_tells_why_and_runs_when_one_can(pool: Pool) -> None:
    engine = pool.engine(requirements="HasBrain")
    spec = pool.harness.shell("exit 0")
    engine.schedule(spec)
    assert eventually(lambda: says(engine, spec, "no machine has: HasBrain") or says(engine, spec, "HasBrain"))
    info = engine.info(spec.name)
    assert (info.status, info.reason) == (JobStatus.NOT_STARTED, Reason.UNSCHEDULABLE)
    assert "waits" in engine.active_jobs()[spec.name]
    condor_command(pool.conf, "condor_qedit", pool.number(spec), "Requirements", "true")
    assert pool.harness.wait(spec.name).status is JobStatus.SUCCEEDED


def test_a_job_waits_for_a_countable_resource_of_the_pool(pool: Pool) -> None:
    engine = pool.engine(limits="licence:2")  # the pool has two
    first, second = (pool.harness.shell(COUNTED) for _ in range(2))
    engine.schedule(first)
    assert eventually((pool.harness.outgoing(first) / "runs").exists)
    engine.schedule(second)
    time.sleep(5)  # several rounds of the negotiator
    assert engine.info(second.name).status is JobStatus.NOT_STARTED
    for spec in (first, second):
        (pool.harness.outgoing(spec) / "go").touch()
        assert pool.harness.wait(spec.name).status is JobStatus.SUCCEEDED


def test_a_job_that_htcondor_refuses_leaves_nothing(pool: Pool) -> None:
    engine = pool.engine(requirements="((")
    spec = pool.harness.shell("exit 0")
    with pytest.raises(Refused, match="HTCondor refuses the job: Parse error in expression"):
        engine.schedule(spec)
    with pytest.raises(Absent):
        engine.info(spec.name)
    assert not list((pool.harness.storebase.private / "htcondor").iterdir())


def test_the_check_names_the_version_and_the_launcher(pool: Pool) -> None:
    assert " runs jobs with crun" in pool.harness.engine.check()
    with pytest.raises(Refused, match="has no enroot"):
        pool.engine(launcher="enroot").check()


def test_a_job_without_gpus_has_no_variable_of_them(pool: Pool) -> None:
    """HTCondor gives it the number of a GPU that does not exist; Apptainer shows it none anyhow."""
    engine = pool.engine(launcher="apptainer")
    if "apptainer" not in condor_command(pool.conf, "sh", "-c", "command -v apptainer || true"):
        pytest.skip("the pool has no apptainer")
    spec = pool.harness.spec(["env"])
    engine.schedule(spec)
    assert pool.harness.wait(spec.name).status is JobStatus.SUCCEEDED
    assert "CUDA_VISIBLE_DEVICES" not in engine.logs(spec.name, 1000)
