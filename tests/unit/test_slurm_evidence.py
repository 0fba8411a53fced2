"""A launcher without a log of its own writes to the job's log, and so does the program."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pfcon.compute.slurm.reasons import Exit, Seen, Site, has_run, reason_of
from pfcon.models import JobId, JobKind, JobSpec, Resources
from pfcon.reasons import Reason

SPEC = JobSpec("j", JobId("j"), JobKind.PLUGIN, "fnndsc/pl-x", ("prog",))
SITE = Site("charliecloud", "ch-run", "/store")
AT = datetime(2026, 11, 30, tzinfo=UTC)
NOT_FOUND = 'exec: "prog": executable file not found in $PATH'


def seen(code: int, log: str) -> Seen:
    return Seen(None, Exit(code, "", AT), log=log)


def test_the_only_line_is_of_the_launcher() -> None:
    found = seen(127, f"FATAL: {NOT_FOUND}\n")
    assert reason_of(SPEC, found, SITE).reason is Reason.COMMAND_NOT_FOUND
    assert not has_run(SPEC, found)


@pytest.mark.parametrize(
    ("code", "log"),
    [
        (1, f"read 12 files\nError: convert failed: {NOT_FOUND}\n"),
        (1, "read 12 files\nlaunch.sh: step 3: mri_convert: not found\n"),
        (7, f"FATAL: {NOT_FOUND}\n"),  # no code of a launcher
    ],
)
def test_other_lines_are_of_the_program(code: int, log: str) -> None:
    assert reason_of(SPEC, seen(code, log), SITE).reason is Reason.EXIT_CODE
    assert has_run(SPEC, seen(code, log))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", ['exec: "": stat : ', "launch.sh: 1: ", "can't exec: : ", 'exec: "'])
def test_no_line_takes_long(part: str) -> None:
    assert reason_of(SPEC, seen(1, part * (16 * 1024 // len(part))), SITE).reason is Reason.EXIT_CODE


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("srun: error: n1: task 1: Exited with exit code 3\n", "worker 2 of 3: the program failed with exit code 3"),
        (
            "srun: error: n1: task 2: Exited with exit code 3\nsrun: error: n1: tasks 0-1: Exited with exit code 137\n",
            "worker 3 of 3: the program failed with exit code 3",
        ),
        ("srun: error: n1: tasks 0-2: Exited with exit code 3\n", "worker 1 of 3: the program failed with exit code 3"),
        ("srun: error: n1: task 0: Killed\n", "the program failed with exit code 3"),
        ("", "the program failed with exit code 3"),
    ],
)
def test_the_worker_that_has_failed_is_named(said: str, message: str) -> None:
    spec = replace(SPEC, resources=Resources(workers=3))
    assert reason_of(spec, Seen(None, Exit(3, "", AT), slurm_log=said), SITE).message == message
