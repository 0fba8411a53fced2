"""The synchronous interface: ``jobs/``."""

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_restful import Resource

from pfcon.api import serial
from pfcon.api.context import current, requires_token
from pfcon.api.forms import read_form
from pfcon.api.parsers import parse_job
from pfcon.api.transfers import outputs_response, transfer
from pfcon.errors import PfconError, Refused
from pfcon.jobs import Submission
from pfcon.models import JobId, JobKind, JobRequest
from pfcon.storage.base import Upload


class JobList(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``jobs/``"""

    method_decorators = (requires_token,)

    def get(self) -> dict[str, Any]:
        """Return information about this server."""
        return current().jobs.server_info()

    def post(self) -> tuple[dict[str, Any], int]:
        """Stage the inputs and schedule a job."""
        return post_plugin_job(current().jobs.submit)


def post_plugin_job(submit: Callable[[JobRequest, Upload | None], Submission]) -> tuple[dict[str, Any], int]:
    """Parse a plugin job from the request and submit it; return the response's body and status."""
    context = current()
    storebase = context.storebase if context.jobs.takes_upload else None
    with transfer(), read_form(request, context.settings.storage.limits, storebase) as form:
        lacks_upload = context.jobs.takes_upload and form.upload is None
        job = parse_job(
            form.fields,
            innetwork=context.settings.storage.innetwork,
            needs_inputs=submit == context.jobs.submit,
            lacks_upload=lacks_upload,
            longest=context.settings.compute.timelimit,
        )
        submission = submit(job, form.upload)
    data = {
        "jid": job.jid,
        "nfiles": submission.nfiles,
        "timestamp": serial.timestamp(submission.staged_at),
        "path": submission.path,
    }
    return {"data": data, "compute": serial.compute(submission.info, job.jid)}, 201


class Job(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``jobs/<jid>/``"""

    method_decorators = (requires_token,)

    def get(self, jid: str) -> dict[str, Any]:
        """Return the job's status and the last lines of its log."""
        info, logs = current().jobs.status(job_id(jid), JobKind.PLUGIN)
        return {"compute": serial.compute(info, jid, logs)}

    def delete(self, jid: str) -> tuple[str, int]:
        """Cancel the job and remove it with its data."""
        current().jobs.remove(job_id(jid), JobKind.PLUGIN, with_data=True)
        return "", 204


class JobFile(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``jobs/<jid>/file/``"""

    method_decorators = (requires_token,)

    def get(self, jid: str) -> Response:
        """Return the job's outputs, after they were delivered to the storage where the request asks for that."""
        return outputs_response(job_id(jid), deliver=True)


def job_id(text: str) -> JobId:
    """Parse the jid of a URL. Raises Refused."""
    try:
        return JobId.parse(text)
    except PfconError as error:
        raise Refused({"jid": str(error)}) from None
