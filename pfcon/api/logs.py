"""``.../logs/``: the log of a job."""

from flask import Response, request
from flask_restful import Resource

from pfcon.api.answers import LOG_EVENTS
from pfcon.api.context import current, requires_token
from pfcon.api.event_query import HEADER
from pfcon.api.log_query import LAST_OFFSET, LOG_PARAMETERS, parse_log_query
from pfcon.api.log_stream import stream
from pfcon.api.openapi.operation import TEXT, operation
from pfcon.api.server_sent import stream_response
from pfcon.api.sync_jobs import JOB_ERRORS, job_id
from pfcon.models import JobKind


class JobLog(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``<kind>jobs/<jid>/logs/`` and ``jobs/<jid>/logs/``"""

    method_decorators = (requires_token,)

    def __init__(self, kind: JobKind) -> None:
        self._kind = kind

    @operation(
        parameters=LOG_PARAMETERS,
        parameter_headers={HEADER: f"as {LAST_OFFSET.name}"},
        content={"text/event-stream": TEXT},
        mentions=tuple(LOG_EVENTS.values()),
        errors=JOB_ERRORS,
    )
    def get(self, jid: str) -> Response:
        """Return the log."""
        context = current()
        query = parse_log_query(request.args.to_dict(flat=False), request.headers.get(HEADER))
        return stream_response(stream(context.jobs, job_id(jid), self._kind, query.offset), context.log_streams)
