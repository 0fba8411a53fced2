"""Why a job waits in HTCondor, by texts of real pools (tests/data/htcondor)."""

from pathlib import Path

import pytest

from pfcon.compute.htcondor.analysis import Analysis, Analyst, Machine, analysis, machines, wait_of
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.models import Resources
from pfcon.reasons import Reason

DATA = Path(__file__).parents[1] / "data" / "htcondor"
LARGE = [Machine(8, 4096, 0), Machine(2, 9000, 1)]
TURN = "waiting for its turn in HTCondor"


def message(found: Analysis | None, cpus: int = 1, memory: int = 100, gpus: int = 0) -> str:
    return wait_of(found, LARGE, cpus, Resources(memory=memory, gpus=gpus)).message


@pytest.mark.parametrize("version", ["23.9", "25.14"])
def test_the_summary_and_the_unmet_conditions_are_read(version: str) -> None:
    found = analysis((DATA / f"analysis-{version}.txt").read_text())
    assert found == Analysis(1, 1, 0, ("TARGET.Cpus >= RequestCpus",))


def test_a_text_without_a_summary_tells_nothing() -> None:
    assert analysis("-- Schedd: x : <127.0.0.1:9618?...\n") is None
    assert message(None) == TURN


@pytest.mark.parametrize(
    ("request_", "lack"),
    [
        ({"cpus": 64}, "no machine of the pool has 64 processors, at most 8"),
        ({"memory": 9001}, "no machine of the pool has 9001 MiB of memory, at most 9000"),
        ({"gpus": 2}, "no machine of the pool has 2 GPUs, at most 1"),
        ({"cpus": 4, "memory": 5000}, "no machine of the pool has all that the job requests together"),
    ],
)
def test_what_no_machine_has_is_told(request_: dict[str, int], lack: str) -> None:
    assert message(None, **request_) == f"no machine can run the job now: {lack}"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Analysis(2, 2, 0, ("TARGET.Cpus >= RequestCpus",)), "too few free: processors"),
        (
            Analysis(2, 2, 0, ("TARGET.Memory >= RequestMemory", "TARGET.Cpus >= RequestCpus")),
            "too few free: memory, processors",
        ),
        (
            Analysis(2, 2, 0, ("TARGET.FileSystemDomain == MY.FileSystemDomain",)),
            "no machine has: the file system of jobs (FILESYSTEM_DOMAIN)",
        ),
        (Analysis(2, 2, 0, ("TARGET.HasBrain",)), "no machine has: TARGET.HasBrain"),
        (Analysis(2, 2, 0, ()), "no machine meets all requirements of the job"),
        (Analysis(2, 1, 1, ()), "the machines' own policy (START) refuses the job"),
    ],
)
def test_what_machines_lack_now_is_told(found: Analysis, said: str) -> None:
    assert message(found) == f"no machine can run the job now: {said}"


@pytest.mark.parametrize(
    ("unmet", "said"),
    [
        (
            ('TARGET.PoolDisk is "ssd"', 'TARGET.Rack is "r 1"', "TARGET.Cpus >= RequestCpus"),
            "no machine has the labels PoolDisk=ssd, Rack=r 1 (NODE_SELECTOR)",
        ),
        ((), "no machine meets all requirements of the job, NODE_SELECTOR is one of them"),
    ],
)
def test_labels_of_nodes_are_named_with_their_setting(unmet: tuple[str, ...], said: str) -> None:
    selector = (("PoolDisk", "ssd"), ("Rack", "r 1"))
    why = wait_of(Analysis(2, 2, 0, unmet), LARGE, 1, Resources(), selector)
    assert why.message == f"no machine can run the job now: {said}"


def test_a_job_that_a_machine_would_run_waits_for_its_turn() -> None:
    assert message(Analysis(2, 1, 0, ("TARGET.Memory >= RequestMemory",))) == TURN


def test_a_pool_without_machines_is_told() -> None:
    why = wait_of(None, machines(""), 1, Resources())
    assert (why.reason, why.message) == (
        Reason.UNSCHEDULABLE,
        "no machine can run the job now: the pool has no machine at present",
    )


def test_machines_without_gpus_have_none() -> None:
    assert machines('[{"TotalSlotCpus": 8, "TotalSlotMemory": 4096}]') == [Machine(8, 4096, 0)]


def test_jobs_with_the_same_requests_share_an_analysis(tmp_path: Path) -> None:
    count = tmp_path / "count"
    prefix = ("sh", "-c", f'echo "$*" >>{count}; case "$*" in *condor_status*) echo "[]";; esac', "sh")
    analyst = Analyst(Commands(prefix), HTCondorSettings())
    answers = {analyst.why(number, 1, Resources(memory=1)).message for number in ("1", "2", "3")}
    assert answers == {"no machine can run the job now: the pool has no machine at present"}
    assert len(count.read_text().splitlines()) == 2
    analyst.why("4", 2, Resources(memory=1))
    assert len(count.read_text().splitlines()) == 4


def test_a_pool_that_does_not_answer_is_no_reason() -> None:
    assert Analyst(Commands(("false",)), HTCondorSettings()).why("1", 1, Resources()).message == TURN
