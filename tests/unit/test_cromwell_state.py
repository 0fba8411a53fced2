"""What Cromwell's answers say of a job."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.cromwell import state
from pfcon.compute.cromwell.state import End, end_of, refusal_of, status_of, why_of
from pfcon.models import JobId, JobKind, JobSpec, JobStatus, Resources
from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why

DATA = Path(__file__).parents[1] / "data" / "cromwell"
SPEC = JobSpec("j", JobId("j"), JobKind.PLUGIN, "fnndsc/pl-x", ("prog", "x"), resources=Resources(memory=64))
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
FAILED = End("Failed", 1, (), BEGIN, BEGIN + timedelta(minutes=5))


def metadata(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / f"metadata-{name}.json").read_text())
    return found


def told(end: End, *, cancelled: Why = SUCCESS, refusal: str = "") -> tuple[str, str]:
    why = why_of(end, SPEC, 60, cancelled=cancelled, refusal=refusal)
    return why.reason, why.message


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("On Hold", JobStatus.NOT_STARTED),
        ("Submitted", JobStatus.NOT_STARTED),
        ("Running", JobStatus.STARTED),
        ("Aborting", JobStatus.STARTED),
        ("Succeeded", JobStatus.SUCCEEDED),
        ("Failed", JobStatus.FAILED),
        ("Aborted", JobStatus.FAILED),
    ],
)
def test_each_status_of_cromwell_has_one_of_ours(word: str, status: JobStatus) -> None:
    assert status_of(word)[0] is status
    assert state.has_ended(word) is status.final


def test_a_status_that_nobody_told_us_of_is_undefined_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert status_of("Dreaming") == (JobStatus.UNDEFINED, "Cromwell reports the unknown status Dreaming")
        assert not state.has_ended("Dreaming")
    assert "Dreaming" in caplog.text


def test_the_last_attempt_is_what_counts() -> None:
    end = end_of(metadata("failed"))
    assert end.code == 3
    assert end.finished_at == datetime(2026, 3, 1, 15, 1, 6, 500_000, UTC)
    assert end.started_at == datetime(2026, 3, 1, 15, 1, 1, tzinfo=UTC)
    assert told(end) == (Reason.EXIT_CODE, "the program failed with exit code 3")
    assert state.log_paths(metadata("failed"))[0].endswith("attempt-2/execution/stdout")


def test_the_innermost_cause_is_told_where_there_is_no_exit_code() -> None:
    end = end_of(metadata("not-begun"))
    assert end.code is None
    reason, message = told(end)
    assert reason == Reason.ENGINE_FAULT
    assert message.startswith("the compute engine ended the job: Unable to start job. Check the stderr file")
    assert state.log_paths(metadata("not-begun")) == ("", "")


def test_a_workflow_that_never_began_has_an_end_without_calls() -> None:
    end = end_of({"status": "Aborted", "calls": {}, "end": "2026-03-01T00:00:00.000Z"})
    assert (end.code, end.started_at, end.finished_at) == (None, None, BEGIN)


def test_causes_are_told_once_and_a_bounded_number_of_them() -> None:
    failures = [{"message": "a", "causedBy": []}] * 3 + [{"message": str(n), "causedBy": []} for n in range(50)]
    assert end_of({"status": "Failed", "failures": failures}).failures == ("a", *map(str, range(7)))


@pytest.mark.parametrize(
    ("end", "reason", "message"),
    [
        (replace(FAILED, code=139), Reason.SIGNAL, "the program crashed: signal SIGSEGV"),
        (
            replace(FAILED, code=137),
            Reason.SIGNAL,
            "exit code 137: the program was ended by signal SIGKILL, maybe because it exceeded its memory limit "
            "of 64 MiB, or returned this code itself",
        ),
        (replace(FAILED, code=255), Reason.EXIT_CODE, "the program failed with exit code 255"),
        (
            replace(FAILED, code=None, failures=("disk full", "and more")),
            Reason.ENGINE_FAULT,
            "the compute engine ended the job: disk full; and more",
        ),
        (replace(FAILED, code=None), Reason.ENGINE_FAULT, "the compute engine ended the job: it gives no reason"),
        (
            replace(FAILED, code=None, status="Aborted"),
            Reason.STOPPED_OUTSIDE,
            "stopped in Cromwell, not by pfcon",
        ),
        (replace(FAILED, code=0, status="Succeeded"), "", ""),
    ],
)
def test_the_message_tells_why(end: End, reason: str, message: str) -> None:
    assert told(end) == (reason, message)


def test_a_job_that_ran_as_long_as_it_may_is_told_its_limit() -> None:
    end = replace(FAILED, code=143, finished_at=BEGIN + timedelta(minutes=60))
    limit = "stopped at its time limit of 60 minutes"
    assert told(end) == (
        Reason.SIGNAL,
        "exit code 143: the program was ended by signal SIGTERM, or returned this code itself; it may have been "
        + limit,
    )
    assert told(replace(end, code=3)) == (
        Reason.EXIT_CODE,
        f"the program failed with exit code 3; it may have been {limit}",
    )


def test_a_job_that_slurm_has_stopped_at_its_limit_says_so() -> None:
    stderr = "x\nslurmstepd: error: *** JOB 41 ON n1 CANCELLED AT 2026-03-01T01:00:00 DUE TO TIME LIMIT ***\n"
    assert state.says_time_limit(stderr)
    assert not state.says_time_limit(stderr.replace(" DUE TO TIME LIMIT", ""))
    limit = Why("stopped at its time limit of 60 minutes", reason=Reason.TIME_LIMIT)
    for code in (79, 137, 143):
        assert why_of(replace(FAILED, code=code), SPEC, 60, cancelled=SUCCESS, timed_out=True) == limit
    assert why_of(replace(FAILED, code=143), SPEC, 60, cancelled=CANCELLED, timed_out=True) == CANCELLED


@pytest.mark.parametrize(
    ("end", "interrupted"),
    [
        (FAILED, False),
        (replace(FAILED, code=139), False),
        (replace(FAILED, code=137), True),
        (replace(FAILED, code=143), True),
        (replace(FAILED, code=143, finished_at=BEGIN + timedelta(minutes=60)), False),
        (replace(FAILED, code=79), True),
        (replace(FAILED, code=None, failures=("Unable to start job. Check the stderr file",)), False),
        (replace(FAILED, code=None, failures=("The job was aborted from outside Cromwell",)), True),
        (replace(FAILED, code=None, failures=("The compute backend terminated the job. If this termination",)), True),
        (replace(FAILED, code=143, status="Aborted"), False),
        (replace(FAILED, code=0, status="Succeeded"), False),
    ],
)
def test_a_job_was_interrupted_when_it_was_killed_or_its_backend_lost_it(end: End, interrupted: bool) -> None:
    assert why_of(end, SPEC, 60, cancelled=SUCCESS).interrupted is interrupted
    assert not why_of(end, SPEC, 60, cancelled=CANCELLED).interrupted


@pytest.mark.parametrize("status", ["Aborted", "Failed"])
def test_a_cancelled_job_says_so(status: str) -> None:
    assert told(replace(FAILED, status=status), cancelled=CANCELLED) == (Reason.CANCELLED, "cancelled")


def test_a_job_that_succeeded_before_it_could_be_cancelled_has_succeeded() -> None:
    assert told(replace(FAILED, status="Succeeded", code=0), cancelled=CANCELLED) == ("", "")


@pytest.mark.parametrize(
    ("refusal", "reason", "message"),
    [
        ("no such command", Reason.COMMAND_NOT_FOUND, "no such command in image fnndsc/pl-x: prog"),
        ("not executable", Reason.NOT_EXECUTABLE, "not executable in image fnndsc/pl-x: prog"),
        (
            "not mounted",
            Reason.ENGINE_SETUP,
            "the compute engine is not set up for this job: Cromwell does not mount the job's directories "
            "(pfcon_mounts)",
        ),
    ],
)
def test_what_the_script_refused_is_told(refusal: str, reason: Reason, message: str) -> None:
    assert told(FAILED, refusal=refusal) == (reason, message)


@pytest.mark.parametrize(
    ("stderr", "refusal"),
    [
        ("pfcon: no such command\n", "no such command"),
        ("INFO: pulling\npfcon: not mounted\nslurmstepd: done\n", "not mounted"),
        ("pfcon: something else\n", ""),
        ("no such command\n", ""),
        ("", ""),
    ],
)
def test_only_the_scripts_own_words_are_a_refusal(stderr: str, refusal: str) -> None:
    assert refusal_of(stderr) == refusal
