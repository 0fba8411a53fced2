"""The text of ``GET events/``: Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
import logging
import time
from collections.abc import Callable, Generator

from pfcon.api.answers import ResetEvent
from pfcon.api.event_query import EventQuery
from pfcon.errors import PfconError
from pfcon.events.feed import Feed
from pfcon.events.form import event_json
from pfcon.records.events import Batch, Event

log = logging.getLogger(__name__)

DURATION = 600.0  # seconds after which a stream ends; its client connects again
HEARTBEAT = 15.0  # seconds without an event after which the client gets a comment
RETRY = 2000  # milliseconds after which a client shall connect again
WAIT = 0.5  # seconds between two checks whether the client has gone, or the process stops


def stream(feed: Feed, query: EventQuery, client_has_gone: Callable[[], bool]) -> Generator[bytes]:
    """Yield the parts of a stream, until it has lasted DURATION, the client has gone or the process stops.

    Raises Unreachable before the first part if the database does not answer; later the stream ends.
    """
    with feed.reading() as now:
        position = now.last if query.after is None else query.after
        text = f"retry: {RETRY}\n"
        if position > now.last:
            text += _reset(now.last, "the records were restored to an earlier state")
            position = now.last
        yield (text + f"id: {position}\n\n").encode()
        end, sent = time.monotonic() + DURATION, time.monotonic()
        while not feed.is_stopping() and not client_has_gone() and time.monotonic() < end:
            try:
                batch = feed.read_after(position, WAIT)
            except PfconError as error:
                log.info("a stream of events ends early: %s", error)
                return
            text, position = _text(batch, position, query)
            if not text and time.monotonic() - sent >= HEARTBEAT:
                text = f": heartbeat\nid: {position}\n\n"
            if text:
                yield text.encode()
                sent = time.monotonic()


def _text(batch: Batch, position: int, query: EventQuery) -> tuple[str, int]:
    """Return the text of the events after a position, and the position after them."""
    text = ""
    if position < batch.deleted:
        text, position = _reset(batch.deleted, "older events were deleted, or the records were imported"), batch.deleted
    new = [event for event in batch.events if event.id > position]
    text += "".join(map(_job, filter(query.selects, new)))
    return text, new[-1].id if new else position


def _job(event: Event) -> str:
    return f"id: {event.id}\nevent: job\ndata: {json.dumps(event_json(event))}\n\n"


def _reset(position: int, reason: str) -> str:
    """Return the event for a client that can't get all events since its last one."""
    message = f"{reason}: events may be missing; ask for the present state of the jobs"
    data: ResetEvent = {"id": position, "message": message}
    return f"id: {position}\nevent: reset\ndata: {json.dumps(data)}\n\n"
