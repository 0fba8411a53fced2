"""What Slurm's commands print, as pfcon reads it. Recorded on Slurm 22.05.8 and 24.11.5."""

from datetime import UTC, datetime

import pytest

from pfcon.compute.slurm import parsing
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.reasons import Exit, Seen, Site
from pfcon.compute.slurm.state import ended
from pfcon.models import JobId, JobKind, JobSpec, JobStatus
from pfcon.reasons import Reason, Why, explain

QUEUE = """\
2|FAILED|768|NonZeroExitCode|2026-11-21T08:03:20|pfcon 5fa1|
3|FAILED|9|JobLaunchFailure|2026-11-21T08:03:20|(null)|
4|PENDING|0|PartitionConfig|N/A|pfcon 77|
5|FAILED|1|BadConstraints|2026-11-21T08:03:20|(null)|
6|RUNNING|0|None|2026-11-21T09:03:20|somebody's | own|
torn
7|OUT_OF_MEMORY|125|OutOfMemory|2026-11-21T08:03:21|pfcon 99|
"""
CONFIG = """\
Configuration data as of 2026-11-21T08:03:20
AccountingStorageType   = accounting_storage/slurmdbd
ClusterName             = hospital
KillWait                = 5 sec
MinJobAge               = 20 sec
ProctrackType           = proctrack/linuxproc
SLURM_VERSION           = 22.05.8
"""
# Recorded on Slurm 24.11.5: CODE:SIGNAL.
QUEUE_24 = """\
83|COMPLETED|0:0|None|2026-11-29T11:29:00|pfcon 5fa1|
84|FAILED|3:0|NonZeroExitCode|2026-11-21T08:03:20|pfcon 5fa2|
85|FAILED|0:9|RaisedSignal:9(Killed)|2026-11-29T11:29:00|pfcon 5fa3|
86|FAILED|0:11|RaisedSignal:11(Segmentation fault)|2026-11-29T11:29:00|pfcon 5fa4|
87|RUNNING|0:0|None|2026-11-29T11:29:59|pfcon 5fa5|
88|FAILED|0:53|RaisedSignal:53(Real-time signal 19)|2026-11-30T17:00:10|pfcon 5fa6|
"""
AT = datetime(2026, 11, 21, 8, 3, 20, tzinfo=UTC)
SPEC = JobSpec("7", JobId("7"), JobKind.PLUGIN, "local/x:1", ("prog", "a"))
SITE = Site("crun", "crun", "/store/.pfcon/slurm")


def test_the_queue_is_read_line_by_line_and_foreign_comments_do_no_harm() -> None:
    found = {row.id: row for row in parsing.queue_rows(QUEUE)}
    assert found["2"] == Row("2", "FAILED", 3, "NonZeroExitCode", AT, "5fa1")
    assert found["3"].code == -9
    assert (found["4"].state, found["4"].end, found["4"].reason) == ("PENDING", None, "PartitionConfig")
    assert (found["6"].marker, found["6"].reason) == ("", "")
    assert sorted(found) == ["2", "3", "4", "5", "6", "7"]


def test_the_exit_codes_of_newer_releases_are_read_too() -> None:
    found = {row.id: row for row in parsing.queue_rows(QUEUE_24)}
    assert found["84"] == Row("84", "FAILED", 3, "NonZeroExitCode", AT, "5fa2")
    assert {number: row.code for number, row in found.items()} == {
        "83": 0,
        "84": 3,
        "85": -9,
        "86": -11,
        "87": 0,
        "88": -53,
    }
    assert not any(row.unread for row in found.values())


def test_an_end_whose_code_cannot_be_read_is_a_failure_all_the_same() -> None:
    row = Row("6", "FAILED", unread="6|FAILED|three|")
    assert ended(SPEC, Seen(row, None), SITE)[:2] == (
        JobStatus.FAILED,
        Why(
            "it is not known how the job ended: Slurm reports the state FAILED; the rest of its answer can't be read: "
            "6|FAILED|three|",
            reason=Reason.END_UNKNOWN,
        ),
    )
    assert ended(SPEC, Seen(row, Exit(3, "", AT)), SITE)[1] == explain(Reason.EXIT_CODE, code=3)


def test_the_accounting_database_s_odd_code_is_told_of() -> None:
    row = parsing.accounting_row("372", "372|FAILED|?|2026-11-21T08:03:20\n")
    assert row
    assert row.unread
    assert row.state == "FAILED"


@pytest.mark.parametrize(("status", "code"), [(0, 0), (768, 3), (9, -9), (139, -11), (53, -53), (256, 1)])
def test_a_raw_status_is_an_exit_code_or_a_signal(status: int, code: int) -> None:
    assert parsing.wait_status(status) == code


def test_the_accounting_database_tells_who_cancelled() -> None:
    text = "371|COMPLETED|0:0|2026-11-21T08:00:00\n372|CANCELLED by 2001|0:15|2026-11-21T08:03:20\n"
    assert parsing.accounting_row("372", text) == Row("372", "CANCELLED", -15, end=AT, by="2001")
    assert parsing.accounting_row("373", text) is None


def test_the_cluster_s_settings_are_read_and_have_slurm_s_defaults() -> None:
    assert parsing.facts(CONFIG) == parsing.Facts("22.05.8", "hospital", 5, 20, accounting=True, cgroups=False)
    assert parsing.facts("") == parsing.Facts("of an unknown version", "", 30, 300, accounting=False, cgroups=True)
