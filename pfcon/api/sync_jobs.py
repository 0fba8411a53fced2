"""The synchronous interface: ``jobs/``."""

from collections.abc import Callable
from contextlib import suppress

from flask import Response, request
from flask_restful import Resource

from pfcon.api import serial
from pfcon.api.answers import JobState, Outputs, PostedJob, StagedInputs
from pfcon.api.context import current, requires_token
from pfcon.api.forms import read_form
from pfcon.api.job_fields import FILE_PARAMETERS, PLUGIN_FORM
from pfcon.api.openapi.operation import BINARY, operation
from pfcon.api.parsers import parse_job
from pfcon.api.transfers import outputs_response, transfer
from pfcon.errors import (
    Absent,
    Conflict,
    PfconError,
    Refused,
    StorageFull,
    TooLarge,
    TooManyJobs,
    UnsupportedContent,
)
from pfcon.jobs import Submission
from pfcon.jobs.about import of_id
from pfcon.jobs.server_info import ServerInfo
from pfcon.models import JobId, JobKind, JobRequest
from pfcon.service_log import set_job
from pfcon.storage.base import Upload

POST_ERRORS = (Refused, Conflict, TooLarge, UnsupportedContent, TooManyJobs, StorageFull)
POST_PLUGIN_ERRORS = (*POST_ERRORS, Absent)
JOB_ERRORS = (Refused, Absent, Conflict, StorageFull)
OUTPUTS = {"application/zip": BINARY, "application/json": Outputs}


class JobList(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``jobs/``"""

    method_decorators = (requires_token,)

    @operation()
    def get(self) -> ServerInfo:
        """Return information about this server."""
        return current().jobs.server_info()

    @operation(status=201, form=PLUGIN_FORM, errors=POST_PLUGIN_ERRORS)
    def post(self) -> tuple[PostedJob, int]:
        """Stage the inputs and schedule a job."""
        return post_plugin_job(current().jobs.submit)


def post_plugin_job(submit: Callable[[JobRequest, Upload | None], Submission]) -> tuple[PostedJob, int]:
    """Parse a plugin job from the request and submit it; return the response's body and status."""
    context = current()
    storebase = context.storebase if context.jobs.takes_upload else None
    with transfer(), read_form(request, context.settings.storage.limits, storebase) as form:
        lacks_upload = context.jobs.takes_upload and form.upload is None
        note_job_of(form.fields, JobKind.PLUGIN)
        job = parse_job(
            form.fields,
            innetwork=context.settings.storage.innetwork,
            needs_inputs=submit == context.jobs.submit,
            lacks_upload=lacks_upload,
            longest=context.settings.compute.timelimit,
        )
        submission = submit(job, form.upload)
    data: StagedInputs = {
        "jid": job.jid,
        "nfiles": submission.nfiles,
        "timestamp": serial.timestamp(submission.staged_at),
        "path": submission.path,
    }
    return {"data": data, "compute": serial.compute(submission.info, job.jid)}, 201


class Job(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``jobs/<jid>/``"""

    method_decorators = (requires_token,)

    @operation(errors=JOB_ERRORS)
    def get(self, jid: str) -> JobState:
        """Return the job's status and the last lines of its log."""
        info, logs = current().jobs.status(job_id(jid, JobKind.PLUGIN), JobKind.PLUGIN)
        return {"compute": serial.compute(info, jid, logs)}

    @operation(status=204, errors=JOB_ERRORS)
    def delete(self, jid: str) -> tuple[str, int]:
        """Cancel the job and remove it with its data."""
        current().jobs.remove(job_id(jid, JobKind.PLUGIN), JobKind.PLUGIN, with_data=True)
        return "", 204


class JobFile(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``jobs/<jid>/file/``"""

    method_decorators = (requires_token,)

    @operation(parameters=FILE_PARAMETERS, content=OUTPUTS, errors=JOB_ERRORS)
    def get(self, jid: str) -> Response:
        """Return the job's outputs, after they were delivered to the storage where the request asks for that."""
        return outputs_response(job_id(jid, JobKind.PLUGIN), deliver=True)


def note_job_of(fields: dict[str, list[str]], kind: JobKind) -> None:
    """Let the request's lines of the log have the job of its form, also if the form is refused then."""
    with suppress(PfconError):
        job_id(fields.get("jid", [""])[-1], kind)


def job_id(text: str, kind: JobKind | None = None) -> JobId:
    """Parse the jid of a URL; the request's lines of the log have it, and the kind, from now on. Raises Refused."""
    try:
        jid = JobId.parse(text)
    except PfconError as error:
        raise Refused({"jid": str(error)}) from None
    set_job(of_id(jid, kind))
    return jid
