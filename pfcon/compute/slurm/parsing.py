"""Parses the output of Slurm's commands. Pure.

Their JSON is not used: its structure changes from release to release, and ``squeue --json`` of 22.05 ignores filters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pfcon.compute.slurm.spec import COMMENT
from pfcon.compute.unreadable import note

QUEUE_COMMAND = (
    *("squeue", "--me", "--noheader", "--states=all"),
    "--Format=JobID:|,State:|,exit_code:|,Reason:|,EndTime:|,Comment:|",
)
CONFIG_COMMAND = ("scontrol", "show", "config")
_CORE_DUMPED = 0x80


@dataclass(frozen=True)
class Row:
    """One job, from squeue or sacct. code: an exit code, or minus the signal. by: the uid of the user who cancelled it.

    end: aware; for a job that still runs, Slurm's estimate. unread: the line, if a part of it could not be read; the
    state is empty if only the id could be read.
    """

    id: str
    state: str
    code: int = 0
    reason: str = ""
    end: datetime | None = None
    marker: str = ""
    by: str = ""
    unread: str = ""


@dataclass(frozen=True)
class Facts:
    """From ``scontrol show config``. kill_wait, min_job_age: seconds. accounting: whether sacct can be used.

    cgroups: whether Slurm follows a job's processes by cgroups (ProctrackType, slurm.conf(5)), wherever they go.
    """

    version: str
    cluster: str
    kill_wait: int
    min_job_age: int
    accounting: bool
    cgroups: bool


def queue_command() -> list[str]:
    """Return the command that lists all jobs of the user that Slurm still knows."""
    return list(QUEUE_COMMAND)


def accounting_command(job: str) -> list[str]:
    """Return the command that requests one job from the accounting database."""
    fields = "JobIDRaw,State,ExitCode,End"
    return ["sacct", "-X", "-n", "-P", "-S", "now-365days", "-j", job, "-o", fields]


def queue_rows(text: str) -> Iterator[Row]:
    """Parse the output of ``queue_command``. Lines that do not begin with a number (parts of comments) are ignored."""
    for line in text.splitlines():
        number, *parts = (part.strip() for part in line.split("|", 5))
        if not (number.isascii() and number.isdigit()):
            continue
        if len(parts) != 5:
            yield Row(number, "", unread=_unread(line))
            continue
        state, status, reason, end, comment = parts
        code = _code(status)
        marker = comment.removesuffix("|").removeprefix(COMMENT) if comment.startswith(COMMENT) else ""
        marker = marker.partition(" ")[0]  # the id of the service is for people
        unread = _unread(line) if code is None else ""
        yield Row(number, state.upper(), code or 0, _reason(reason), _time(end), marker, unread=unread)


def _unread(line: str) -> str:
    note(f"Slurm's answer has a line that can't be read: {line!r}")
    return line


def _code(text: str) -> int | None:
    """Parse an exit code, or minus the signal; None if it is neither.

    squeue prints CODE:SIGNAL since 24.11, and the raw status of wait(2) before; sacct always prints CODE:SIGNAL.
    """
    code, colon, number = text.partition(":")
    if not all(part.isascii() and part.isdigit() for part in (code or "0", number or "0")):
        return None
    if not colon:
        return wait_status(int(code or 0))
    return -int(number) if int(number or 0) else int(code or 0)


def accounting_row(job: str, text: str) -> Row | None:
    """Parse the output of ``accounting_command``; None if the database does not know the job."""
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 4 and parts[0] == job:
            state, _, by = parts[1].partition(" by ")
            code = _code(parts[2])
            unread = _unread(line) if code is None else ""
            return Row(job, state.upper(), code or 0, end=_time(parts[3]), by=by, unread=unread)
    return None


def wait_status(status: int) -> int:
    """Return a raw status of wait(2) as an exit code, or minus the signal."""
    number = status & 0xFF
    return -(number & ~_CORE_DUMPED) if number else status >> 8


def facts(text: str) -> Facts:
    """Parse the output of ``CONFIG_COMMAND``; what is missing there has Slurm's default (slurm.conf(5))."""
    found = dict(re.findall(r"^(\w+) *= (.*)$", text, re.MULTILINE))
    return Facts(
        version=found.get("SLURM_VERSION", "of an unknown version").strip(),
        cluster=found.get("ClusterName", "").strip(),
        kill_wait=_seconds(found.get("KillWait", ""), 30),
        min_job_age=_seconds(found.get("MinJobAge", ""), 300),
        accounting=found.get("AccountingStorageType", "").strip() not in ("", "accounting_storage/none", "(null)"),
        cgroups=found.get("ProctrackType", "proctrack/cgroup").strip() == "proctrack/cgroup",
    )


def _seconds(text: str, default: int) -> int:
    found = re.match(r"\d+", text)
    return int(found.group()) if found else default


def _reason(text: str) -> str:
    return "" if text in ("None", "(null)", "N/A") else text.strip("()")


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
