"""Several workers of one job on a real HTCondor, when one of them does not run, or is ended by somebody."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import htcondor_pool
from support.htcondor import condor_command, htcondor_engine, htcondor_harness, job_directory

from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("htcondor")
LASTING = 'echo run >>"$1/run-$PFCON_WORKER"; until [ -e "$1/go-$PFCON_WORKER" ]; do sleep 0.1; done; exit 3'
HALF = 4000  # millicores: two workers fill the pool


@pytest.fixture
def harness(storebase: StoreBase) -> Iterator[Harness]:
    harness = htcondor_harness(storebase.root)
    yield harness
    harness.close()


def start(harness: Harness, *, begun: int = 3, cpu: int | None = None) -> JobSpec:
    """Three workers, of which so many have begun. The last argument of their command is unique."""
    spec = harness.shell(LASTING, uuid.uuid4().hex, resources=Resources(workers=3, cpu=cpu))
    harness.engine.schedule(spec)
    assert eventually(lambda: len(list(harness.outgoing(spec).glob("run-*"))) == begun)
    return spec


def number(harness: Harness, spec: JobSpec) -> str:
    return job_directory(harness.storebase, spec.name).joinpath("id").read_text()


def queued(harness: Harness, spec: JobSpec) -> list[str]:
    """The states of the workers that HTCondor may still run."""
    states = condor_command(htcondor_pool(), "condor_q", number(harness, spec), "-af", "JobStatus").split()
    return [state for state in states if state not in ("3", "4")]


def ended(harness: Harness, spec: JobSpec) -> JobInfo:
    """The end of the job, of which nothing is left; another service finds the same one."""
    info = harness.wait(spec.name)
    assert not processes_of(spec)
    assert queued(harness, spec) == []
    assert htcondor_engine(htcondor_pool(), harness.storebase.root).info(spec.name) == info
    return info


def let_go(harness: Harness, spec: JobSpec, worker: int) -> None:
    (harness.outgoing(spec) / f"go-{worker}").touch()


def test_a_worker_that_somebody_removes_ends_the_others_and_is_named(harness: Harness) -> None:
    spec = start(harness)
    condor_command(htcondor_pool(), "condor_rm", f"{number(harness, spec)}.1")
    info = ended(harness, spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.STOPPED_OUTSIDE)
    assert info.message == "worker 2 of 3: stopped in HTCondor by user www-data, not by pfcon"


def test_a_worker_that_waits_never_starts_when_another_has_failed(harness: Harness) -> None:
    spec = start(harness, begun=2, cpu=HALF)
    first = min(int(path.name.removeprefix("run-")) for path in harness.outgoing(spec).glob("run-*"))
    let_go(harness, spec, first)
    info = ended(harness, spec)
    assert info.message == f"worker {first + 1} of 3: the program failed with exit code 3"
    assert info.details.exit_code == 3
    time.sleep(3)  # longer than two rounds of the negotiator
    assert len(list(harness.outgoing(spec).glob("run-*"))) == 2


def test_workers_of_a_removed_job_have_no_grace(harness: Harness) -> None:
    grace = 30
    harness.engine = htcondor_engine(htcondor_pool(), harness.storebase.root, stop_grace=grace)
    spec = harness.shell(f"trap '' TERM; {LASTING}", uuid.uuid4().hex, resources=Resources(workers=2))
    harness.engine.schedule(spec)
    assert eventually(lambda: len(list(harness.outgoing(spec).glob("run-*"))) == 2)
    begun = time.monotonic()
    harness.engine.remove(spec.name)
    assert time.monotonic() - begun < grace / 2
    assert not processes_of(spec)


def test_workers_that_do_not_fit_at_once_run_in_turn(harness: Harness) -> None:
    script = (
        'mkdir "$1/now-$PFCON_WORKER"; ls -d "$1"/now-* | wc -l >"$1/told-$PFCON_WORKER"; '
        'sleep 2; rmdir "$1/now-$PFCON_WORKER"'
    )
    spec = harness.shell(script, resources=Resources(workers=3, cpu=HALF))
    assert harness.run(spec).status is JobStatus.SUCCEEDED
    told = sorted(int(path.read_text()) for path in harness.outgoing(spec).glob("told-*"))
    assert len(told) == 3
    assert told[-1] <= 2


def test_a_worker_that_fails_ends_the_others_while_no_service_runs(harness: Harness) -> None:
    spec = start(harness)
    let_go(harness, spec, 1)
    assert eventually(lambda: not processes_of(spec))
    info = ended(harness, spec)
    assert info.message == "worker 2 of 3: the program failed with exit code 3"


def test_a_job_s_logs_are_one_text_in_which_each_worker_has_a_heading(harness: Harness) -> None:
    spec = harness.shell('echo "I am $PFCON_WORKER"', resources=Resources(workers=2))
    assert harness.run(spec).status is JobStatus.SUCCEEDED
    assert harness.engine.logs(spec.name, 30) == "== worker 1 ==\nI am 0\n== worker 2 ==\nI am 1\n"


def test_the_directories_of_ended_workers_hold_no_environment(harness: Harness) -> None:
    spec = harness.shell("exit 0", resources=Resources(workers=2), env=(("TOKEN", "secret-token"),))
    assert harness.run(spec).status is JobStatus.SUCCEEDED
    files = [path for path in job_directory(harness.storebase, spec.name).rglob("*") if path.is_file()]
    assert not [path for path in files if "secret-token" in _text(path)]


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
