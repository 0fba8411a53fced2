"""The log of a job as clients see it: ChRIS shows users the log, but not the message of a job.

The engine's log itself is never changed; these lines are added to answers only.
"""

from collections.abc import Iterable

from pfcon.models import JobInfo, JobStatus
from pfcon.records import Record

NO_OUTPUTS = "the program wrote no outputs"  # the message of a success; it is no fault, so the log does not have it
NOTES_IN_MESSAGE = 3
PREFIX = "pfcon: "  # of lines that the job did not write
LONGEST_EARLIER = 1500  # characters of the earlier jobs' logs in that of a delete job: CUBE keeps the last 1800 of all


def message_with_notes(info: JobInfo, notes: tuple[str, ...]) -> str:
    """Return the message of a job, and its first notes."""
    shown = [info.message, *notes[:NOTES_IN_MESSAGE]] if info.message else [*notes[:NOTES_IN_MESSAGE]]
    if len(notes) > NOTES_IN_MESSAGE:
        shown.append(f"and {len(notes) - NOTES_IN_MESSAGE} more notes in the log")
    return "; ".join(shown)


def log_with_message(info: JobInfo, logs: str) -> str:
    """Return a log that ends with the message of a job that failed, that waits, or that succeeded with a message.

    Not while a job runs, whose message is its progress, and not if its own last line is the message.
    """
    last = logs.rstrip("\n").rpartition("\n")[2]
    said = "" if info.status is JobStatus.STARTED or info.message == NO_OUTPUTS else " ".join(info.message.split("\n"))
    if not said or last.removeprefix(PREFIX) == said:
        return logs
    return f"{_ended(logs)}{PREFIX}{said}\n"


def earlier_logs(records: Iterable[Record]) -> str:
    """Return the reasons and the last lines of the jobs that a delete job follows: they are deleted soon after.

    At most LONGEST_EARLIER characters. Jobs that succeeded without a message are left out if another one failed.
    """
    ended = [record for record in records if record.status.final]
    chosen = [record for record in ended if record.status is not JobStatus.SUCCEEDED] or ended[:1]
    if not chosen:
        return ""
    longest = LONGEST_EARLIER // len(chosen)
    return "".join(_earlier(record, longest) for record in chosen)


def _earlier(record: Record, longest: int) -> str:
    how = "failed" if record.status.failed else "succeeded"
    message = message_with_notes(record.info, record.notes)
    head = f"{PREFIX}the {record.kind.value} job {how}" + (f": {message}" if message else "")
    head = (head if len(head) < longest else f"{head[: longest - 2]}…") + "\n"
    rest = max(0, longest - len(head) - 1)  # and the end of the last line
    tail = record.logs[-rest:] if rest else ""
    if len(tail) < len(record.logs):
        tail = tail.partition("\n")[2]  # whole lines
    return head + _ended(tail)


def _ended(logs: str) -> str:
    """Return a log whose last line has an end."""
    return logs if not logs or logs.endswith("\n") else f"{logs}\n"
