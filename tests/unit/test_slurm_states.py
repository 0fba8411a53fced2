"""What Slurm prints, and what that and a job's own records mean for its user. Recorded on Slurm 22.05.8."""

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest

from pfcon.compute.exits import at_time_limit
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.reasons import Exit, Seen, Site
from pfcon.compute.slurm.state import ended
from pfcon.models import JobId, JobKind, JobSpec, JobStatus, Resources
from pfcon.reasons import CANCELLED as BY_PFCON
from pfcon.reasons import Reason, Why

AT = datetime(2026, 11, 21, 8, 3, 20, tzinfo=UTC)
SPEC = JobSpec(
    "7", JobId("7"), JobKind.PLUGIN, "local/x:1", ("prog", "a"), resources=Resources(memory=300, time_limit=60)
)
SITE = Site("crun", "crun", "/store/.pfcon/slurm")
CANCELLED = "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-21T08:03:20 ***\n"
TIME = "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-21T08:03:20 DUE TO TIME LIMIT ***\n"
OOM = "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch.\n"
STEP = """\
srun: launch/slurm: _step_signal: Terminating StepId=7.0
slurmstepd-n1: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-11-22T00:09:45 ***
srun: error: n1: tasks 1-2: Exited with exit code 137
"""
NO_STEP = "srun: error: Unable to create step for job 7: More processors requested than permitted\n"
OVER = "slurmstepd: error: JobId=7 exceeded memory limit (99 > 64), being killed\n"


def end(state: str = "", code: int = 0, left: int | None = None, word: str = "", **seen: Any) -> tuple[JobStatus, str]:
    status, why = end_of(state, code, left, word, **seen)
    return status, why.message


def end_of(state: str, code: int, left: int | None, word: str, **seen: Any) -> tuple[JobStatus, Why]:
    row = Row("7", state, code, end=AT, by=seen.pop("by", "")) if state else None
    exit_ = None if left is None else Exit(left, word, AT)
    status, why, at = ended(SPEC, Seen(row, exit_, **seen), SITE)
    assert at in (AT, None)
    return status, why


@pytest.mark.parametrize("state", ["", "COMPLETED", "RUNNING", "FAILED", "OUT_OF_MEMORY"])
def test_a_job_whose_script_says_so_has_succeeded(state: str) -> None:
    assert end(state, left=0) == (JobStatus.SUCCEEDED, "")


def test_a_job_that_ends_well_because_slurm_stops_it_has_reached_its_limit() -> None:
    limit = (JobStatus.FAILED, "stopped at its time limit of 60 minutes")
    assert end("TIMEOUT", left=0, slurm_log=TIME) == limit
    assert end(left=0, slurm_log=TIME) == limit
    assert end("TIMEOUT", left=0) == (JobStatus.SUCCEEDED, "")  # before its limit


def test_slurm_s_word_counts_where_the_record_is_not_to_be_seen_yet() -> None:
    assert end("COMPLETED") == (JobStatus.SUCCEEDED, "")
    assert end("FAILED", 3) == (JobStatus.FAILED, "the program failed with exit code 3")


@pytest.mark.parametrize(
    ("seen", "reason", "message"),
    [
        ({"state": "FAILED", "code": 3, "left": 3}, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ({"left": 3}, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ({"left": 255}, Reason.EXIT_CODE, "the program failed with exit code 255"),
        ({"state": "FAILED", "left": 139}, Reason.SIGNAL, "the program crashed: signal SIGSEGV"),
        ({"state": "OUT_OF_MEMORY", "left": 137}, Reason.OUT_OF_MEMORY, "the job exceeded its limit of 300 MiB"),
        ({"left": 137, "slurm_log": OOM}, Reason.OUT_OF_MEMORY, "out of memory"),
        ({"state": "FAILED", "code": -9, "slurm_log": OVER}, Reason.OUT_OF_MEMORY, "out of memory"),
        ({"left": 137}, Reason.SIGNAL, "maybe because it exceeded its memory limit of 300 MiB, or returned this code"),
        ({"state": "FAILED", "code": -9}, Reason.SIGNAL, "signal SIGKILL, maybe because it exceeded its memory limit"),
        ({"state": "FAILED", "code": -15}, Reason.SIGNAL, "signal SIGTERM; it is not known who sent it"),
        ({"state": "TIMEOUT", "left": 143}, Reason.TIME_LIMIT, "stopped at its time limit of 60 minutes"),
        ({"left": 143, "slurm_log": TIME}, Reason.TIME_LIMIT, "stopped at its time limit of 60 minutes"),
        ({"state": "CANCELLED", "code": -15}, Reason.STOPPED_OUTSIDE, "stopped in Slurm, not by pfcon"),
        (
            {"state": "CANCELLED", "by": "2001"},
            Reason.STOPPED_OUTSIDE,
            "stopped in Slurm by user 2001, not by pfcon",
        ),
        ({"slurm_log": CANCELLED}, Reason.STOPPED_OUTSIDE, "stopped in Slurm, not by pfcon"),
        ({"left": 137, "word": "aborted", "slurm_log": STEP + CANCELLED}, Reason.STOPPED_OUTSIDE, "stopped in Slurm"),
        ({"state": "FAILED", "left": 125, "word": "aborted", "slurm_log": STEP}, Reason.STOPPED_OUTSIDE, "in Slurm"),
        ({"state": "FAILED", "left": 125, "word": "aborted", "cancelled": BY_PFCON}, Reason.CANCELLED, "cancelled"),
        ({"state": "FAILED", "left": 3, "slurm_log": STEP}, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ({"left": 125, "word": "aborted", "slurm_log": STEP + TIME}, Reason.TIME_LIMIT, "stopped at its time limit"),
        (
            {"left": 125, "word": "aborted", "slurm_log": NO_STEP},
            Reason.INTERRUPTED,
            "Slurm ended its workers, or could not start them: srun: error: Unable to create step for job 7: More "
            "processors requested than permitted",
        ),
        (
            {"left": 125, "word": "aborted"},
            Reason.INTERRUPTED,
            "interrupted: Slurm ended its workers, or could not start them",
        ),
        ({"state": "FAILED", "left": 137, "cancelled": BY_PFCON}, Reason.CANCELLED, "cancelled"),
        ({"cancelled": BY_PFCON}, Reason.CANCELLED, "cancelled"),
        ({"cancelled": at_time_limit(1)}, Reason.TIME_LIMIT, "stopped at its time limit of 1 minute"),
        ({"state": "NODE_FAIL"}, Reason.NODE_LOST, "the machine that ran the job failed"),
        ({"state": "PREEMPTED"}, Reason.PREEMPTED, "stopped in favour of another job (preempted)"),
        ({"state": "BOOT_FAIL"}, Reason.INTERRUPTED, "interrupted: its machine did not start"),
        ({"state": "DEADLINE"}, Reason.TIME_LIMIT, "stopped by Slurm at the job's deadline"),
        ({"state": "REVOKED"}, Reason.INTERRUPTED, "it was moved to another cluster of the federation"),
        (
            {"state": "FAILED", "code": -53},
            Reason.ENGINE_SETUP,
            "could not write the job's log: /store/.pfcon/slurm must exist",
        ),
        (
            {"state": "FAILED", "code": 97},
            Reason.ENGINE_SETUP,
            "its machine does not have the job's directory: /store/.pfcon/slurm must exist",
        ),
        ({"state": "FAILED", "code": 98}, Reason.ENGINE_SETUP, "directories are not mounted"),
        ({"state": "FAILED", "code": 98, "left": 98}, Reason.EXIT_CODE, "the program failed with exit code 98"),
        ({"state": "FAILED", "code": 97, "left": 97}, Reason.EXIT_CODE, "the program failed with exit code 97"),
        ({"left": 125, "word": "no-launcher"}, Reason.ENGINE_SETUP, "its machine has no crun (SLURM_LAUNCHER=crun)"),
        ({"left": 125, "word": "no-temporary"}, Reason.ENGINE_SETUP, "temporary directory"),
        (
            {"left": 1, "launcher_log": "executable file `prog` not found in $PATH"},
            Reason.COMMAND_NOT_FOUND,
            "no such command in image local/x:1: prog",
        ),
        (
            {"left": 1, "launcher_log": r"exec: \"prog\": permission denied"},
            Reason.NOT_EXECUTABLE,
            "not executable in image local/x:1: prog",
        ),
        (
            {"left": 1, "launcher_log": "the path `prog` exists but it is not executable"},
            Reason.NOT_EXECUTABLE,
            "not executable in image local/x:1: prog",
        ),
        (
            {"left": 1, "log": "ch-run[1]: error: can't execve(2): prog: No such file"},
            Reason.COMMAND_NOT_FOUND,
            "no such command in image local/x:1: prog",
        ),
        (
            {"left": 49, "log": "ch-run[1]: error: can't exec: prog: No such file or directory"},
            Reason.COMMAND_NOT_FOUND,
            "no such command in image local/x:1: prog",
        ),
        (
            {"left": 49, "log": "ch-run[1]: error: can't exec: prog: Permission denied"},
            Reason.NOT_EXECUTABLE,
            "not executable in image local/x:1: prog",
        ),
        (
            {"left": 127, "log": "/run/pfcon/launch.sh: exec: line 5: prog: not found"},
            Reason.COMMAND_NOT_FOUND,
            "no such command in image local/x:1: prog",
        ),
        (
            {"left": 1, "log": "exec /usr/bin/prog: no such file or directory\n"},
            Reason.COMMAND_NOT_FOUND,
            "no such command in image local/x:1: /usr/bin/prog needs an interpreter that is not in the image",
        ),
        (
            {"left": 3, "log": "exec /usr/bin/prog: no such file or directory\n"},
            Reason.EXIT_CODE,
            "the program failed with exit code 3",
        ),
    ],
)
def test_a_failed_job_says_why(seen: dict[str, Any], reason: Reason, message: str) -> None:
    status, why = end_of(**{"state": "", "code": 0, "left": None, "word": "", **seen})
    assert (status, why.reason) == (JobStatus.FAILED, reason), why.message
    assert message in why.message


def test_what_nobody_tells_of_is_undefined() -> None:
    assert end() == (JobStatus.UNDEFINED, "")


def test_messages_name_directories_as_nodes_see_them() -> None:
    assert str(PurePosixPath(SITE.directory)) in end("FAILED", -53)[1]


@pytest.mark.parametrize(
    ("seen", "interrupted"),
    [
        ({"state": "FAILED", "code": 3, "left": 3}, False),
        ({"left": 139}, False),
        ({"state": "FAILED", "code": -6}, False),
        ({"left": 137}, True),
        ({"left": 143}, True),
        ({"state": "FAILED", "code": -9}, True),
        ({"state": "FAILED", "code": -15}, True),
        ({"state": "FAILED", "left": 137, "cancelled": BY_PFCON}, False),
        ({"left": 125, "word": "aborted", "cancelled": BY_PFCON}, False),
        ({"state": "CANCELLED", "code": -15, "by": "2001"}, False),
        ({"left": 137, "slurm_log": CANCELLED}, False),
        ({"state": "OUT_OF_MEMORY", "left": 137}, False),
        ({"left": 137, "slurm_log": OOM}, False),
        ({"state": "TIMEOUT", "left": 143}, False),
        ({"left": 143, "slurm_log": TIME}, False),
        ({"state": "DEADLINE", "code": -15}, False),
        ({"state": "NODE_FAIL"}, True),
        ({"left": 143, "slurm_log": "*** JOB 7 ON n1 CANCELLED AT x DUE TO NODE FAILURE ***"}, True),
        ({"left": 143, "slurm_log": "*** JOB 7 ON n1 CANCELLED AT x DUE TO PREEMPTION ***"}, True),
        ({"state": "PREEMPTED", "left": 143}, True),
        ({"state": "BOOT_FAIL"}, True),
        ({"state": "REVOKED"}, True),
        ({"left": 125, "word": "aborted"}, True),
        ({"state": "FAILED", "left": 3, "slurm_log": STEP}, False),
        ({"state": "FAILED", "code": -53}, False),
        ({"left": 125, "word": "no-launcher"}, False),
        ({"left": 1, "launcher_log": "executable file `prog` not found in $PATH"}, False),
    ],
)
def test_a_job_was_interrupted_when_its_end_was_not_its_own_doing(seen: dict[str, Any], interrupted: bool) -> None:
    values: dict[str, Any] = {"state": "", "code": 0, "left": None, "word": "", **seen}
    status, why = end_of(**values)
    assert (status, why.interrupted) == (JobStatus.FAILED, interrupted), why.message
