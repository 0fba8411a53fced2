"""What a follower of a job's log gets: its state, its lines as they come, and its end."""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from pfcon.errors import Absent
from pfcon.jobs.logs.followed_records import Following
from pfcon.jobs.logs.lines import Gap, Lines, Rest, next_piece
from pfcon.jobs.logs.part import LogPart
from pfcon.jobs.logs.service import JobLogs
from pfcon.jobs.shown_log import message_with_notes
from pfcon.models import JobStatus
from pfcon.records import Phase, Record

LOOK = 0.5  # seconds between two looks at a log that had nothing new
PATIENCE = 30.0  # seconds after the job's end for which what is missing of its log is waited for
REMOVED = "removed"  # the status of a job without a record any more, as in events


@dataclass(frozen=True)
class State:
    """The state of a job. status: a JobStatus, or REMOVED. ends: whether it is the last news of a follower."""

    status: str
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    ends: bool = False


News = State | Lines | Gap


def follow(logs: JobLogs, job: Following, at: int) -> Generator[News | None, None, None]:
    """Yield the state of a job, each change of it, and its log from an offset; at last its end.

    None while there is nothing new: the caller asks again some time later. Raises Unreachable, OSError.
    """
    told: State | None = None
    record = job.record
    look_at, end_by = 0.0, inf  # moments of time.monotonic(); end_by: of a job that has ended
    while True:
        if record is not job.record:
            record, look_at = job.record, 0.0
        state = _state(record, job.first)
        if state != told and not (told and _is_unclear(record)):
            told = state
            yield state
        if record is None or state.status == REMOVED:
            yield replace(state, ends=True)
            return
        now = time.monotonic()
        piece = next_piece(partial(_read, logs, record), at) if now >= look_at else None
        if piece is None or isinstance(piece, Rest):
            if piece is not None:
                look_at, ended = now + LOOK, record.phase is Phase.FINAL
                at = 0 if piece.again and not ended else at
                end_by = min(end_by, now + PATIENCE) if ended else inf
                if ended and (piece.complete or piece.again or now >= end_by):
                    yield replace(state, ends=True)
                    return
            yield None
        else:
            at, end_by = piece.end, inf
            yield piece


def _state(record: Record | None, first: Record) -> State:
    """Return the state by a record. first: the record at the beginning."""
    if record is None:
        return State(REMOVED, message="the job was removed")
    if record.created_at != first.created_at:
        return State(REMOVED, message="the job was posted again: this was the log of an earlier attempt")
    exit_code = record.details.exit_code if record.phase is Phase.FINAL else None
    return State(record.status, record.info.reason, message_with_notes(record.info, record.notes), exit_code)


def _is_unclear(record: Record | None) -> bool:
    """Whether the engine does not know the job's state at this moment."""
    return record is not None and record.status is JobStatus.UNDEFINED and record.phase is not Phase.FINAL


def _read(logs: JobLogs, record: Record, offset: int, most: int) -> LogPart:
    """Read a log. That of a job which the engine has lost has no more than what is known."""
    try:
        return logs.read_of(record, offset, most)
    except Absent:
        return LogPart(offset, b"", offset, complete=True)
