"""The stages and ends of HTCondor jobs, by ClassAds of real pools (tests/data/htcondor)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pfcon.compute.htcondor.parsing import Row, rows
from pfcon.compute.htcondor.reasons import reason_of, site_of
from pfcon.compute.htcondor.state import Stage, active, can_never_run, stage_of
from pfcon.compute.slurm.reasons import Exit, Seen
from pfcon.errors import Unreachable
from pfcon.models import JobId, JobKind, JobSpec, JobStatus, Resources
from pfcon.reasons import CANCELLED, SUCCESS, Reason

DATA = Path(__file__).parents[1] / "data" / "htcondor"
VERSIONS = ["23.9", "25.14"]
SPEC = JobSpec(
    "7", JobId("7"), JobKind.PLUGIN, "local/pl-test:1", ("prog",), resources=Resources(memory=60, time_limit=1)
)
SITE = site_of("crun", "crun", "/store/.pfcon/htcondor")
NOTHING = Seen(None, None)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def recorded(version: str, name: str) -> dict[str, Row]:
    return {row.marker: row for row in rows((DATA / f"{name}-{version}.json").read_text())}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_stage_of_each_job_is_found(version: str) -> None:
    stages = {marker: stage_of(row) for marker, row in recorded(version, "ended").items()}
    waiting = dict.fromkeys(("onhold", "nodir", "big"), Stage.WAITING)
    ended = ("removed", "held", "limit", "noexec", "killed", "code", "mem", "evict")
    assert stages == {"running": Stage.RUNNING, **dict.fromkeys(ended, Stage.ENDED), **waiting}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_removed_job_runs_until_its_script_has_ended(version: str) -> None:
    row = recorded(version, "ending")["removed"]
    assert (row.state, row.host) == ("3", "vm.pfcon.invalid")
    assert active(row) == (JobStatus.STARTED, SUCCESS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("marker", "reason", "sentence"),
    [
        ("removed", Reason.STOPPED_OUTSIDE, "stopped in HTCondor by user www-data, not by pfcon"),
        ("held", Reason.STOPPED_OUTSIDE, "stopped in HTCondor by user www-data, not by pfcon"),
        ("limit", Reason.TIME_LIMIT, "stopped at its time limit of 1 minute"),
        ("mem", Reason.OUT_OF_MEMORY, "out of memory: the job exceeded its limit of 60 MiB"),
        (
            "killed",
            Reason.SIGNAL,
            "the program was ended by signal SIGKILL, maybe because it exceeded its memory limit",
        ),
        ("noexec", Reason.ENGINE_SETUP, "the compute engine is not set up for this job: HTCondor: Error from slot"),
        ("evict", Reason.INTERRUPTED, "interrupted: HTCondor put it back in its queue, and it does not run twice"),
    ],
)
def test_why_a_job_has_failed(version: str, marker: str, reason: Reason, sentence: str) -> None:
    why = reason_of(SPEC, recorded(version, "ended")[marker], NOTHING, SITE)
    assert why.reason == reason
    assert why.message.startswith(sentence)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_exit_code_of_the_script_counts_for_a_job_that_ended_by_itself(version: str) -> None:
    seen = replace(NOTHING, exit=Exit(3, "", NOW))
    why = reason_of(SPEC, recorded(version, "ended")["code"], seen, SITE)
    assert why.message == "the program failed with exit code 3"


def test_a_script_without_its_launcher_names_the_setting() -> None:
    seen = replace(NOTHING, exit=Exit(125, "no-launcher", NOW))
    why = reason_of(SPEC, Row("1", "4", code=125), seen, SITE)
    assert why.message.endswith("its machine has no crun (HTCONDOR_LAUNCHER=crun), or it is not on the PATH")


def test_a_cancelled_job_is_no_job_that_somebody_else_has_removed() -> None:
    row = Row("1", "3", starts=1, remove_reason="via condor_rm (by user chris)")
    assert reason_of(SPEC, row, replace(NOTHING, cancelled=CANCELLED), SITE) == CANCELLED


def test_a_job_that_was_removed_from_the_queue_after_its_end_was_not_stopped_by_that() -> None:
    row = Row("1", "3", starts=1, code=-11, remove_reason="via condor_rm (by user chris)", completed=True)
    assert reason_of(SPEC, row, NOTHING, SITE).message == "the program crashed: signal SIGSEGV"


def test_a_second_run_of_a_job_is_an_interruption() -> None:
    why = reason_of(SPEC, Row("1", "4", code=98), NOTHING, SITE)
    assert (why.reason, why.interrupted) == (Reason.INTERRUPTED, True)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Job was preempted by a better one", Reason.PREEMPTED),
        ("Job disconnected too long: JobLeaseDuration (2400 seconds) expired", Reason.NODE_LOST),
        ("Error from slot1@n1: something", Reason.INTERRUPTED),
    ],
)
def test_a_job_that_was_put_back_in_the_queue_can_be_run_again(said: str, reason: Reason) -> None:
    why = reason_of(SPEC, Row("1", "1", starts=1, last_host="n1", vacate_reason=said), NOTHING, SITE)
    assert (why.reason, why.interrupted) == (reason, True)


@pytest.mark.parametrize(
    ("hold", "said", "reason"),
    [
        ((34, 0), "Job has gone over cgroup memory limit of 60 megabytes.", Reason.OUT_OF_MEMORY),
        ((21, 102), "memory usage exceeded request_memory", Reason.OUT_OF_MEMORY),
        ((21, 104), "disk usage exceeded request_disk", Reason.EVICTED),
        ((26, 0), "The system macro SYSTEM_PERIODIC_HOLD expression evaluated to TRUE", Reason.ENGINE_FAULT),
    ],
)
def test_a_hold_of_the_site_is_told_in_its_words(hold: tuple[int, int], said: str, reason: Reason) -> None:
    why = reason_of(SPEC, Row("1", "5", starts=1, hold=hold, hold_reason=said), NOTHING, SITE)
    assert why.reason == reason
    assert reason is Reason.OUT_OF_MEMORY or said.rstrip(".") in why.message


@pytest.mark.parametrize("version", VERSIONS)
def test_only_a_job_that_could_not_be_started_can_never_run(version: str) -> None:
    found = recorded(version, "ended")
    assert can_never_run(found["nodir"])
    assert not any(can_never_run(found[marker]) for marker in ("onhold", "big", "running", "held"))
    status, why = active(found["nodir"])
    assert (status, why.reason) == (JobStatus.NOT_STARTED, Reason.ENGINE_SETUP)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_held_job_tells_that_it_has_to_be_released(version: str) -> None:
    status, why = active(recorded(version, "ended")["onhold"])
    assert status is JobStatus.NOT_STARTED
    assert why.message == (
        "held in HTCondor (submitted on hold at user's request): it waits until it is released (condor_release)"
    )


def test_a_queue_without_jobs_is_an_empty_text() -> None:
    assert list(rows("")) == []
    assert list(rows("[\n]\n")) == []


def test_an_answer_that_is_no_json_is_no_empty_queue() -> None:
    with pytest.raises(Unreachable, match="HTCondor's answer can't be read: Fetching"):
        list(rows("Fetching job ads"))


@pytest.mark.filterwarnings("ignore")
def test_a_job_without_a_readable_state_has_an_unknown_one() -> None:
    (row,) = rows('[{"ClusterId": 5, "ProcId": 0, "PfconMarker": "m", "JobStatus": "/Expr(x)/"}]')
    assert (row.id, row.marker, row.state, stage_of(row)) == ("5.0", "m", "", Stage.UNKNOWN)
    assert active(row)[0] is JobStatus.UNDEFINED
    assert stage_of(Row("6", "9")) is Stage.UNKNOWN
