"""What several workers are to their job: their variables, their states, their logs."""

from datetime import UTC, datetime, timedelta

import pytest

from pfcon.compute.worker_states import job_of
from pfcon.compute.workers import headed, worker_env
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Resources, RunDetails
from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why, explain

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
EXIT_3 = explain(Reason.EXIT_CODE, code=3)
KILLED = explain(Reason.SIGNAL, interrupted=True, code=137, or_signal="SIGKILL")
WAITS = JobInfo("j", JobStatus.NOT_STARTED, "waiting")
RUNS = JobInfo("j", JobStatus.STARTED, details=RunDetails(started_at=AT, node="n1"))
GOOD = JobInfo("j", JobStatus.SUCCEEDED, finished_at=AT, details=RunDetails(exit_code=0, node="n2"))


def failed(why: Why, code: int, after: int = 0) -> JobInfo:
    at = AT + timedelta(seconds=after)
    return JobInfo("j", JobStatus.FAILED, finished_at=at, details=RunDetails(exit_code=code)).because(why)


@pytest.mark.parametrize(
    ("workers", "note", "status", "message", "interrupted"),
    [
        ([WAITS, WAITS], SUCCESS, JobStatus.NOT_STARTED, "worker 1 of 2: waiting", False),
        ([RUNS, WAITS], SUCCESS, JobStatus.STARTED, "worker 2 of 2: waiting", False),
        ([RUNS, GOOD], SUCCESS, JobStatus.STARTED, "", False),
        ([GOOD, GOOD], SUCCESS, JobStatus.SUCCEEDED, "", False),
        ([RUNS, failed(KILLED, 137)], SUCCESS, JobStatus.STARTED, f"worker 2 of 2: {KILLED.message}", False),
        ([GOOD, failed(KILLED, 137)], SUCCESS, JobStatus.FAILED, f"worker 2 of 2: {KILLED.message}", True),
        ([RUNS, GOOD], CANCELLED, JobStatus.STARTED, "being stopped: cancelled", False),
        ([GOOD, failed(KILLED, 137)], CANCELLED, JobStatus.FAILED, "cancelled", False),
        ([RUNS, JobInfo("j", JobStatus.UNDEFINED, "odd")], SUCCESS, JobStatus.UNDEFINED, "odd", False),
    ],
)
def test_the_state_of_a_job_follows_from_those_of_its_workers(
    workers: list[JobInfo], note: Why, status: JobStatus, message: str, interrupted: bool
) -> None:
    info = job_of(workers, note)
    assert (info.status, info.message, info.interrupted) == (status, message, interrupted)


def test_the_worker_whose_failure_ended_the_others_counts_not_the_first_that_has_failed() -> None:
    workers = [failed(KILLED, 137, after=2), failed(EXIT_3, 3), GOOD]
    info = job_of(workers, EXIT_3.of_worker(2, 3))
    assert (info.message, info.reason, info.interrupted) == (f"worker 2 of 3: {EXIT_3.message}", "ExitCode", False)
    assert (info.details.exit_code, info.finished_at) == (3, AT + timedelta(seconds=2))


def test_the_details_of_a_job_are_those_of_all_workers() -> None:
    assert job_of([RUNS, GOOD], SUCCESS).details == RunDetails(started_at=AT, node="n1,n2")
    assert job_of([GOOD, GOOD], SUCCESS).details == RunDetails(exit_code=0, node="n2")
    assert job_of([RUNS, GOOD], SUCCESS).finished_at is None


def test_what_is_not_pfcons_own_stays_as_the_job_has_it() -> None:
    env = (("A", "1"), ("PFCON_WORKER", "7"), ("JOB_COMPLETION_INDEX", "9"), ("PFCON_WORKERS", "8"))
    spec = JobSpec("j", JobId("j"), JobKind.PLUGIN, "i", ("x",), env=env, resources=Resources(workers=3))
    expected = (("A", "1"), ("JOB_COMPLETION_INDEX", "9"), ("PFCON_WORKER", "2"), ("PFCON_WORKERS", "3"))
    assert worker_env(spec, 2) == expected


def test_each_worker_has_its_share_of_the_log_under_its_heading() -> None:
    asked = []

    def read(lines: int, limit: int) -> str:
        asked.append((lines, limit))
        return f"{len(asked)} says\nhello"

    assert headed([read, lambda *_: "", read], 10, 3000) == (
        "== worker 1 ==\n1 says\nhello\n== worker 3 ==\n2 says\nhello\n"
    )
    assert asked == [(3, 900), (3, 900)]
    assert headed([], 10, 3000) == ""
