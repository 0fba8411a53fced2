"""``events/``: changes of jobs as a stream."""

from flask import Response, request
from flask_restful import Resource

from pfcon.api.answers import EVENTS
from pfcon.api.context import current, requires_token
from pfcon.api.event_query import EVENT_PARAMETERS, HEADER, LAST_EVENT_HEADER, parse_event_query
from pfcon.api.event_stream import stream
from pfcon.api.fields import Form
from pfcon.api.openapi.operation import EVENT_STREAM, operation
from pfcon.api.server_sent import stream_response
from pfcon.errors import Refused


class Events(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``events/``"""

    method_decorators = (requires_token,)

    @operation(
        parameters=EVENT_PARAMETERS,
        headers=Form((LAST_EVENT_HEADER,)),
        content={"text/event-stream": EVENT_STREAM},
        mentions=tuple(EVENTS.values()),
        errors=(Refused,),
    )
    def get(self) -> Response:
        """Return the events of jobs as Server-Sent Events. The data of `job` is JobEvent, of `reset` ResetEvent."""
        context = current()
        query = parse_event_query(request.args.to_dict(flat=False), request.headers.get(HEADER))
        return stream_response(stream(context.events.feed, query), context.event_streams)
