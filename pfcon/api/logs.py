"""``.../logs/``: the log of a job."""

from flask import Response
from flask_restful import Resource

from pfcon.api.context import requires_token
from pfcon.api.log_ranges import log_response
from pfcon.api.openapi.operation import TEXT, operation
from pfcon.api.sync_jobs import JOB_ERRORS, job_id
from pfcon.errors import OutOfRange
from pfcon.models import JobKind


class JobLog(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``<kind>jobs/<jid>/logs/`` and ``jobs/<jid>/logs/``"""

    method_decorators = (requires_token,)

    def __init__(self, kind: JobKind) -> None:
        self._kind = kind

    @operation(
        parameter_headers={"Range": "one range of bytes, as bytes=0-99, bytes=100- or bytes=-100"},
        content={"text/plain": TEXT},
        has_ranges=True,
        errors=(*JOB_ERRORS, OutOfRange),
    )
    def get(self, jid: str) -> Response:
        """Return the whole log of the job as it is now, or a range of its bytes."""
        return log_response(job_id(jid), self._kind)
