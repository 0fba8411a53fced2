"""``events/``: changes of jobs as a stream."""

import select
from collections.abc import Callable
from itertools import chain

from flask import Response, request
from flask_restful import Resource

from pfcon.api.answers import EVENTS
from pfcon.api.context import current, requires_token
from pfcon.api.event_query import EVENT_PARAMETERS, HEADER, LAST_EVENT_ID, parse_event_query
from pfcon.api.event_stream import stream
from pfcon.api.openapi.operation import TEXT, operation
from pfcon.api.transfers import wait_for_client
from pfcon.errors import Refused

SEND_TIMEOUT = 10.0  # seconds; a client that reads nothing for so long loses its stream
HEADERS = {
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would hold the events back
}


class Events(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``events/``"""

    method_decorators = (requires_token,)

    @operation(
        parameters=EVENT_PARAMETERS,
        parameter_headers={HEADER: f"as {LAST_EVENT_ID.name}"},
        content={"text/event-stream": TEXT},
        mentions=tuple(EVENTS.values()),
        errors=(Refused,),
    )
    def get(self) -> Response:
        """Return the events of jobs as Server-Sent Events. The data of `job` is JobEvent, of `reset` ResetEvent."""
        context = current()
        query = parse_event_query(request.args.to_dict(flat=False), request.headers.get(HEADER))
        client_has_gone = _client_has_gone()
        context.streams.acquire()
        body = stream(context.events.feed, query, client_has_gone)
        try:
            first = next(body)
            if not client_has_gone():
                wait_for_client(SEND_TIMEOUT)
        except BaseException:
            body.close()
            context.streams.release()
            raise

        response = Response(chain([first], body), mimetype="text/event-stream", headers=HEADERS)
        response.call_on_close(body.close)
        response.call_on_close(context.streams.release)
        return response


def _client_has_gone() -> Callable[[], bool]:
    """Return a function that says whether the client has closed its connection. It does not wait."""
    socket = request.environ.get("gunicorn.socket")
    if socket is None:
        return lambda: False
    if socket.fileno() < 0:  # closed already
        return lambda: True
    poller = select.poll()
    poller.register(socket.fileno(), getattr(select, "POLLRDHUP", 0))  # Linux; hang-ups are always reported
    return lambda: bool(poller.poll(0))
