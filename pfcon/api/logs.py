"""``.../logs/``: the log of a job."""

from flask import Response, request
from flask_restful import Resource

from pfcon.api.answers import LOG_EVENTS
from pfcon.api.context import current, requires_token
from pfcon.api.event_query import HEADER
from pfcon.api.log_query import LOG_HEADERS, LOG_PARAMETERS, parse_log_query
from pfcon.api.log_ranges import MEDIA_TYPE, log_response
from pfcon.api.log_stream import stream
from pfcon.api.openapi.operation import EVENT_STREAM, TEXT, operation
from pfcon.api.server_sent import stream_response
from pfcon.api.sync_jobs import JOB_ERRORS, job_id
from pfcon.errors import OutOfRange
from pfcon.models import JobKind


class JobLog(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``<kind>jobs/<jid>/logs/`` and ``jobs/<jid>/logs/``"""

    method_decorators = (requires_token,)

    def __init__(self, kind: JobKind) -> None:
        self._kind = kind

    @operation(
        parameters=LOG_PARAMETERS,
        headers=LOG_HEADERS,
        content={MEDIA_TYPE: TEXT, "text/event-stream": EVENT_STREAM},
        ranges=(MEDIA_TYPE,),
        mentions=tuple(LOG_EVENTS.values()),
        errors=(*JOB_ERRORS, OutOfRange),
    )
    def get(self, jid: str) -> Response:
        """Return the whole log of the job as it is now, or a range of its bytes. With `follow`, return it as
        Server-Sent Events until the job has ended: `log` with LogEvent as its data, `gap` with GapEvent, `status` with
        StatusEvent, `end` with EndEvent. The id of an event is the offset in bytes after it.
        """
        context, parsed = current(), job_id(jid, self._kind)
        query = parse_log_query(request.args.to_dict(flat=False), request.headers.get(HEADER))
        if query.follow:
            return stream_response(stream(context.jobs, parsed, self._kind, query.offset), context.log_streams)
        return log_response(parsed, self._kind)
