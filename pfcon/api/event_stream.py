"""The text of ``GET events/``."""

import logging

from pfcon.api.answers import ResetEvent
from pfcon.api.event_query import EventQuery
from pfcon.api.server_sent import Clock, Source, event, opening
from pfcon.errors import PfconError
from pfcon.events.feed import Feed
from pfcon.events.form import event_json
from pfcon.records.events import Batch, Event

log = logging.getLogger(__name__)


def stream(feed: Feed, query: EventQuery) -> Source:
    """Yield the parts of a stream, until it has lasted its time; ``b""`` while there is nothing new.

    Raises Unreachable before the first part if the database does not answer; later the stream ends.
    """
    with feed.reading() as now:
        position = now.last if query.after is None else query.after
        text = ""
        if position > now.last:
            text = _reset(now.last, "the records were restored to an earlier state")
            position = now.last
        clock = Clock()
        yield clock.part(opening(position, text), position)
        while not clock.has_ended:
            try:
                batch = feed.read_after(position)
            except PfconError as error:
                log.info("a stream of events ends early: %s", error)
                return
            text, position = _text(batch, position, query)
            yield clock.part(text, position)


def _text(batch: Batch, position: int, query: EventQuery) -> tuple[str, int]:
    """Return the text of the events after a position, and the position after them."""
    text = ""
    if position < batch.deleted:
        text, position = _reset(batch.deleted, "older events were deleted, or the records were imported"), batch.deleted
    new = [one for one in batch.events if one.id > position]
    text += "".join(map(_job, filter(query.selects, new)))
    return text, new[-1].id if new else position


def _job(job: Event) -> str:
    return event(job.id, "job", event_json(job))


def _reset(position: int, reason: str) -> str:
    """Return the event for a client that can't get all events since its last one."""
    message = f"{reason}: events may be missing; ask for the present state of the jobs"
    data: ResetEvent = {"id": position, "message": message}
    return event(position, "reset", data)
