"""``records/``: lists of the records of jobs."""

from flask import request
from flask_restful import Resource

from pfcon.api import serial
from pfcon.api.answers import JobCounts, RecordsOfOneJob, RecordsPage
from pfcon.api.context import current, requires_token
from pfcon.api.openapi.operation import operation
from pfcon.api.record_query import RECORD_PARAMETERS, encode_cursor, parse_query
from pfcon.api.sync_jobs import job_id
from pfcon.errors import Absent, Refused


class Records(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``records/``"""

    method_decorators = (requires_token,)

    @operation(parameters=RECORD_PARAMETERS, errors=(Refused,))
    def get(self) -> RecordsPage:
        """Return one page of the records, newest first, and the cursor of the next page."""
        page = current().jobs.records(parse_query(request.args.to_dict(flat=False)))
        return {
            "records": [serial.record(entry) for entry in page.entries],
            "next": encode_cursor(page.after) if page.after else None,
        }


class Counts(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``counts/``"""

    method_decorators = (requires_token,)

    @operation()
    def get(self) -> JobCounts:
        """Return how many jobs are recorded, by kind, status and reason."""
        return {"counts": [serial.job_count(count) for count in current().jobs.counts()]}


class RecordsOfJob(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``records/<jid>/``"""

    method_decorators = (requires_token,)

    @operation(errors=(Refused, Absent))
    def get(self, jid: str) -> RecordsOfOneJob:
        """Return the records of all kinds of a jid, newest first."""
        jid = job_id(jid)
        return {"jid": jid, "records": [serial.record(entry) for entry in current().jobs.records_of(jid)]}
