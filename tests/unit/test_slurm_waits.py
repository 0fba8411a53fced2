"""What a job waits for that Slurm has not ended, and what is told where Slurm's answer can't be read."""

import logging

import pytest

from pfcon.compute.slurm import parsing
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.state import Stage, active, stage_of
from pfcon.models import JobStatus
from pfcon.reasons import SUCCESS, Why

# Lines that can't be read.
ODD = """\
5|RUNNING
6|FAILED|three|None|2026-11-21T08:03:20|pfcon 66|
7|RUNNING|0:0|None|some day|pfcon 77|
6|torn
"""
NEVER = "no machine can ever run the job: "


@pytest.mark.parametrize(
    ("state", "named", "status", "message", "reason"),
    [
        ("PENDING", "", JobStatus.NOT_STARTED, "", ""),
        (
            "PENDING",
            "Resources",
            JobStatus.NOT_STARTED,
            "no machine can run the job now: too few free",
            "Unschedulable",
        ),
        ("PENDING", "QOSGrpCpuLimit", JobStatus.NOT_STARTED, "a quota is used up: QOSGrpCpuLimit", "QuotaExceeded"),
        ("PENDING", "JobHeldAdmin", JobStatus.NOT_STARTED, "held by an administrator", ""),
        ("PENDING", "BeginTime", JobStatus.NOT_STARTED, "waiting: BeginTime", ""),
        ("PENDING", "BadConstraints", JobStatus.NOT_STARTED, f"{NEVER}no machine has what it", "Unschedulable"),
        ("PENDING", "AssocMaxCpuPerJobLimit", JobStatus.NOT_STARTED, f"{NEVER}AssocMaxCpuPerJob", "Unschedulable"),
        ("CONFIGURING", "", JobStatus.NOT_STARTED, "", ""),
        ("RUNNING", "", JobStatus.STARTED, "", ""),
        ("COMPLETING", "", JobStatus.STARTED, "", ""),
        ("SUSPENDED", "", JobStatus.STARTED, "suspended", ""),
    ],
)
def test_a_job_that_goes_on_says_what_it_waits_for(
    state: str, named: str, status: JobStatus, message: str, reason: str
) -> None:
    found, why = active(Row("7", state, reason=named))
    assert (found, why.reason) == (status, reason)
    assert why.message.startswith(message)
    assert bool(message) == bool(why)


def test_an_unknown_state_is_undefined_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert active(Row("7", "DREAMING"))[0] is JobStatus.UNDEFINED
    assert "DREAMING" in caplog.text


def test_a_line_that_cannot_be_read_is_one_job_s_alone(caplog: pytest.LogCaptureFixture) -> None:
    queue = Queue(lambda: parsing.queue_rows(ODD), staleness=60)
    torn, coded, dated = (queue.row(number, "") for number in ("5", "6", "7"))
    assert torn
    assert coded
    assert dated
    assert active(torn) == (JobStatus.UNDEFINED, Why("Slurm's answer about the job can't be read: 5|RUNNING"))
    assert stage_of(coded) is Stage.ENDED
    assert active(dated) == (JobStatus.STARTED, SUCCESS)
    assert "6|FAILED|three" in caplog.text
