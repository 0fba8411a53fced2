"""The stream of a job's log: ``.../logs/?follow``."""

import logging
from typing import Any

from pfcon.api.answers import EndEvent, GapEvent, LogEvent, StatusEvent
from pfcon.api.log_query import refuse_offset
from pfcon.api.server_sent import Clock, Source, event, opening
from pfcon.errors import PfconError, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.logs.lines import Gap
from pfcon.jobs.logs.news import News, State, follow
from pfcon.models import JobId, JobKind
from pfcon.records import Record

log = logging.getLogger(__name__)


def stream(jobs: JobService, jid: JobId, kind: JobKind, offset: int) -> Source:
    """Yield the parts of a stream until the job has ended, or it has lasted its time; ``b""`` while nothing is new.

    Raises before the first part Absent for an unknown job, InvalidFields for an offset beyond its log, Unreachable if
    the engine does not answer and nothing is kept yet; later the stream ends.
    """
    with jobs.logs.following(jid, kind) as job:
        _require(jobs, job.first, offset)
        clock, at = Clock(), offset
        yield clock.part(opening(at), at)
        try:
            for news in follow(jobs.logs, job, at):
                text = ""
                if news is not None:
                    at = at if isinstance(news, State) else news.end
                    text = _block(news, at)
                yield clock.part(text, at)
                if clock.has_ended:
                    return
        except (PfconError, OSError) as error:
            log.info("job %s: a stream of its log ends early: %s", jid, error)


def _require(jobs: JobService, record: Record, offset: int) -> None:
    """Copy what the engine has now, and raise InvalidFields for an offset beyond that, Unreachable for a later one."""
    goes_on = jobs.logs.update(record)
    end = jobs.logs.read_of(record, offset, 1).end
    if offset > end and goes_on:
        raise Unreachable(f"the log of job {record.jid} is still being copied, up to {end} bytes now")
    if offset > end:
        raise refuse_offset(end)


def _block(news: News, at: int) -> str:
    name, data = _data(news)
    return event(at, name, data)


def _data(news: News) -> tuple[str, Any]:
    """Return the name and the data of an event."""
    if isinstance(news, Gap):
        gap: GapEvent = {"bytes": news.nbytes}
        return "gap", gap
    if not isinstance(news, State):
        lines: LogEvent = {"text": news.text}
        return "log", lines
    status: StatusEvent = {"status": news.status, "reason": news.reason, "message": news.message}
    if not news.ends:
        return "status", status
    end: EndEvent = {**status, "exit_code": news.exit_code}
    return "end", end
