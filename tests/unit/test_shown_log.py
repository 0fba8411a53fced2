"""The log of a job as clients see it: its message at the end, and those of other jobs above that of a delete job."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pfcon.jobs.shown_log import (
    LONGEST_EARLIER,
    NOTES_IN_MESSAGE,
    PREFIX,
    earlier_logs,
    log_with_message,
    message_with_notes,
)
from pfcon.jobs.status import _as_shown
from pfcon.models import JobId, JobInfo, JobKind, JobStatus
from pfcon.reasons import CANCELLED, Reason, explain
from pfcon.records import Phase, Record

FAILED, SUCCEEDED, UNDEFINED = JobStatus.FAILED, JobStatus.SUCCEEDED, JobStatus.UNDEFINED
WAITING, RUNNING = JobStatus.NOT_STARTED, JobStatus.STARTED
MESSAGE = explain(Reason.EXIT_CODE, code=3).message


def info(status: JobStatus, message: str = "") -> JobInfo:
    return JobInfo("j", status, message)


def ended(kind: JobKind, status: JobStatus, message: str = "", logs: str = "", **values: Any) -> Record:
    """The record of a job."""
    record = Record(
        jid=JobId("j"),
        kind=kind,
        claim="c",
        phase=Phase.FINAL,
        request="r",
        status=status,
        message=message,
        logs=logs,
        finished_at=None,
        changed_at=0.0,
        nfiles=0,
        notes=(),
        with_data=False,
        owned=False,
        spec_json="",
    )
    return replace(record, **values)


# The job's own log


@pytest.mark.parametrize(
    ("status", "message", "logs", "shown"),
    [
        (FAILED, MESSAGE, "one\ntwo\n", f"one\ntwo\n{PREFIX}{MESSAGE}\n"),
        (FAILED, MESSAGE, "", f"{PREFIX}{MESSAGE}\n"),
        (FAILED, MESSAGE, "no end of the line", f"no end of the line\n{PREFIX}{MESSAGE}\n"),
        (FAILED, "", "one\n", "one\n"),
        (UNDEFINED, "read me", "one\n", f"one\n{PREFIX}read me\n"),
        (WAITING, "its machine prepares it", "", f"{PREFIX}its machine prepares it\n"),
        (WAITING, "", "", ""),
        (RUNNING, "1 of 2 workers have started", "one\n", "one\n"),
        (RUNNING, "", "one", "one"),
        (SUCCEEDED, "", "one\n", "one\n"),
        (SUCCEEDED, "", "one", "one"),
        (SUCCEEDED, "check the outputs", "one\n", f"one\n{PREFIX}check the outputs\n"),
    ],
)
def test_a_log_ends_with_the_message_of_a_job_that_failed_or_waits(
    status: JobStatus, message: str, logs: str, shown: str
) -> None:
    assert log_with_message(info(status, message), logs) == shown


@pytest.mark.parametrize(
    "logs",
    [
        f"one\n{PREFIX}{MESSAGE}\n",
        f"one\n{PREFIX}{MESSAGE}",
        f"{PREFIX}{MESSAGE}\n\n",
        f"one\n{MESSAGE}\n",  # as an operation writes it
        MESSAGE,
    ],
)
def test_a_message_is_never_shown_twice(logs: str) -> None:
    assert log_with_message(info(FAILED, MESSAGE), logs) == logs


def test_a_log_that_is_shown_again_is_the_same() -> None:
    once = log_with_message(info(FAILED, MESSAGE), "one\n")
    assert log_with_message(info(FAILED, MESSAGE), once) == once


@pytest.mark.parametrize("logs", [f"{MESSAGE}\nmore\n", f"not {MESSAGE}\n", f"{PREFIX}cancelled\n"])
def test_the_message_at_another_place_does_not_count(logs: str) -> None:
    assert log_with_message(info(FAILED, MESSAGE), logs) == f"{logs}{PREFIX}{MESSAGE}\n"


# Notes


@pytest.mark.parametrize(
    ("message", "notes", "shown"),
    [
        ("", (), ""),
        ("failed", (), "failed"),
        ("", ("a",), "a"),
        ("failed", ("a", "b"), "failed; a; b"),
        ("failed", ("a", "b", "c"), "failed; a; b; c"),
        ("failed", ("a", "b", "c", "d", "e"), "failed; a; b; c; and 2 more notes in the log"),
        ("", tuple("abcd"), "a; b; c; and 1 more notes in the log"),
    ],
)
def test_a_message_has_the_first_notes(message: str, notes: tuple[str, ...], shown: str) -> None:
    assert NOTES_IN_MESSAGE == 3
    assert message_with_notes(info(FAILED, message), notes) == shown


def told_of(record: Record, *, in_log: bool = True, notes_in_log: bool = True) -> tuple[str, str]:
    """The message and the log that clients get."""
    kind = SimpleNamespace(notes_in_log=notes_in_log, earlier_logs=lambda context, record: "earlier\n")
    context: Any = SimpleNamespace(kinds={record.kind: kind}, options=SimpleNamespace(message_in_log=in_log))
    told, logs = _as_shown(context, record, record.info, record.logs)
    return told.message, logs


def test_a_note_is_in_the_log_once() -> None:
    done = ended(JobKind.PLUGIN, SUCCEEDED, "", "one\n", notes=("no input a",))
    assert told_of(done) == ("no input a", f"earlier\n{PREFIX}no input a\none\n")
    failed = replace(done, status=FAILED, message=MESSAGE)
    assert told_of(failed) == (f"{MESSAGE}; no input a", f"earlier\n{PREFIX}no input a\none\n{PREFIX}{MESSAGE}\n")
    copy = replace(failed, kind=JobKind.COPY, logs=f"{PREFIX}no input a\n")
    assert told_of(copy, notes_in_log=False)[1] == f"earlier\n{PREFIX}no input a\n{PREFIX}{MESSAGE}\n"


def test_a_site_may_want_the_log_without_messages_but_not_without_notes() -> None:
    failed = ended(JobKind.PLUGIN, FAILED, MESSAGE, "one\n", notes=("no input a",))
    assert told_of(failed, in_log=False) == (f"{MESSAGE}; no input a", f"{PREFIX}no input a\none\n")


# The log of a delete job


def test_without_earlier_jobs_nothing_is_shown() -> None:
    assert earlier_logs([]) == ""
    assert earlier_logs([ended(JobKind.PLUGIN, RUNNING, "progress", "one\n")]) == ""


def test_the_reason_and_the_end_of_the_log_of_a_failed_job_are_shown() -> None:
    failed = ended(JobKind.PLUGIN, FAILED, MESSAGE, "one\ntwo")
    assert earlier_logs([failed]) == f"{PREFIX}the plugin job failed: {MESSAGE}\none\ntwo\n"


def test_a_failed_job_without_message_or_log_is_told() -> None:
    assert earlier_logs([ended(JobKind.COPY, FAILED)]) == f"{PREFIX}the copy job failed\n"
    assert earlier_logs([ended(JobKind.COPY, UNDEFINED, "x")]) == f"{PREFIX}the copy job failed: x\n"


def test_notes_are_a_part_of_the_message() -> None:
    failed = ended(JobKind.COPY, FAILED, MESSAGE, notes=("no such file: a",))
    assert earlier_logs([failed]) == f"{PREFIX}the copy job failed: {MESSAGE}; no such file: a\n"


def test_of_several_kinds_all_that_failed_are_shown_and_the_others_are_not() -> None:
    copy = ended(JobKind.COPY, SUCCEEDED, logs="copied\n")
    plugin = ended(JobKind.PLUGIN, FAILED, MESSAGE, "one\n")
    upload = ended(JobKind.UPLOAD, FAILED, CANCELLED.message, "sent\n")
    assert earlier_logs([copy, plugin, upload]) == (
        f"{PREFIX}the plugin job failed: {MESSAGE}\none\n{PREFIX}the upload job failed: cancelled\nsent\n"
    )
    running = ended(JobKind.UPLOAD, RUNNING, logs="running\n")
    assert earlier_logs([copy, plugin, running]) == f"{PREFIX}the plugin job failed: {MESSAGE}\none\n"


def test_if_all_have_succeeded_the_first_is_shown() -> None:
    plugin = ended(JobKind.PLUGIN, SUCCEEDED, logs="result\n")
    copy = ended(JobKind.COPY, SUCCEEDED, logs="copied\n")
    assert earlier_logs([plugin, copy]) == f"{PREFIX}the plugin job succeeded\nresult\n"


def test_a_long_log_is_cut_to_its_last_whole_lines() -> None:
    lines = [f"line {number} of the log\n" for number in range(1000)]
    shown = earlier_logs([ended(JobKind.PLUGIN, FAILED, MESSAGE, "".join(lines))])
    head, *rest = shown.splitlines(keepends=True)
    assert head == f"{PREFIX}the plugin job failed: {MESSAGE}\n"
    assert rest == lines[-len(rest) :]
    assert LONGEST_EARLIER - 40 < len(shown) <= LONGEST_EARLIER


def test_a_last_line_that_is_too_long_is_left_out() -> None:
    shown = earlier_logs([ended(JobKind.PLUGIN, FAILED, MESSAGE, "one\n" + "x" * 5000)])
    assert shown == f"{PREFIX}the plugin job failed: {MESSAGE}\n"


@pytest.mark.parametrize("message", ["", "short", "y" * 1000, "y" * 5000])
@pytest.mark.parametrize("log", ["", "one", "x" * 1499, "x" * 1500, "x\n" * 5000, "x\n" * 5000 + "no end"])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_they_are_never_longer_than_the_limit(jobs: int, log: str, message: str) -> None:
    kinds = (JobKind.PLUGIN, JobKind.COPY, JobKind.UPLOAD)[:jobs]
    shown = earlier_logs([ended(kind, FAILED, message, log) for kind in kinds])
    assert len(shown) <= LONGEST_EARLIER
    assert shown.endswith("\n")
    assert shown.count(PREFIX) == jobs
