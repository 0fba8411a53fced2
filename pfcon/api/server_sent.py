"""Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), and the answers that have them.

The source of an answer is a generator of its parts that never waits: it yields ``b""`` while it has nothing. Where the
server can, it asks the source without a thread of its own (``pfcon.front.hub``).
"""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NoReturn

from flask import Response, request

from pfcon.api.slots import StreamSlots

DURATION = 600.0  # seconds after which a stream ends; its client connects again
HEARTBEAT = 15.0  # seconds without an event after which the client gets a comment
RETRY = 2000  # milliseconds after which a client shall connect again
PAUSE = 0.25  # seconds between two questions to a source that had nothing
HEADERS = {
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would hold the events back
}

Source = Generator[bytes, None, None]


def opening(number: int, events: str = "") -> str:
    """Return the beginning of a stream, perhaps with events. number: the id from which its client goes on."""
    return f"retry: {RETRY}\n{events}id: {number}\n\n"


def event(number: int, name: str, data: Mapping[str, Any]) -> str:
    """Return the block of an event, in ASCII. number: its id."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


class Clock:
    """When a stream has to end, and when it needs a heartbeat."""

    def __init__(self) -> None:
        now = time.monotonic()
        self._end, self._sent = now + DURATION, now

    @property
    def has_ended(self) -> bool:
        """Whether the stream has lasted DURATION."""
        return time.monotonic() >= self._end

    def part(self, text: str, number: int) -> bytes:
        """Return the next part of a stream: the text, or a heartbeat if that is due. number: the id to go on from."""
        if not text and time.monotonic() - self._sent >= HEARTBEAT:
            text = f": heartbeat\nid: {number}\n\n"
        if text:
            self._sent = time.monotonic()
        return text.encode()


def stream_response(source: Source, slots: StreamSlots) -> Response:
    """Return the answer whose parts come from a source, which occupies a slot until it is closed.

    The first part is made before this returns: an error in it still gets a status of its own. Raises Unreachable
    without a free slot.
    """
    slots.acquire()
    held = _holding(source, slots)
    body = _Body(next(held), held, getattr(request.environ.get("gunicorn.socket"), "hand_over", None))
    return Response(body, mimetype="text/event-stream", headers=HEADERS)


def _holding(source: Source, slots: StreamSlots) -> Source:
    try:
        yield from source
    finally:
        slots.release()


class _Body(Iterator[bytes]):
    """Yields the first part, and hands the source over to the server. Without a ``hand_over``, it yields all parts."""

    def __init__(self, first: bytes, source: Source, hand_over: Callable[[Source], NoReturn] | None) -> None:
        self._parts = iter((first,))
        self._source: Source | None = source
        self._hand_over = hand_over

    def __next__(self) -> bytes:
        for part in self._parts:
            return part
        if self._source is None:
            raise StopIteration
        if self._hand_over is not None:
            source, self._source = self._source, None
            self._hand_over(source)
        while not (part := next(self._source)):
            time.sleep(PAUSE)
        return part

    def close(self) -> None:
        """Close the source, unless the server has it. Called at the end of the answer, also by a HEAD."""
        if self._source is not None:
            self._source.close()
