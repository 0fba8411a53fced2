"""The staged interface: ``copyjobs/``, ``pluginjobs/``, ``uploadjobs/`` and ``deletejobs/``."""

from flask import Response, request
from flask_restful import Resource

from pfcon.api import serial
from pfcon.api.answers import JobState, OutputFilesObject, PostedJob, PostedOperation
from pfcon.api.context import current, requires_token
from pfcon.api.forms import read_form
from pfcon.api.job_fields import COPY_FORM, DELETE_FORM, FILE_PARAMETERS, PLUGIN_FORM, UPLOAD_FORM
from pfcon.api.openapi.operation import operation
from pfcon.api.parsers import parse_copy, parse_delete, parse_upload
from pfcon.api.sync_jobs import (
    JOB_ERRORS,
    OUTPUTS,
    POST_ERRORS,
    POST_PLUGIN_ERRORS,
    job_id,
    note_job_of,
    post_plugin_job,
)
from pfcon.api.transfers import incoming_body, outputs_response
from pfcon.errors import Absent, Foreign, Refused, StorageFull
from pfcon.jobs.server_info import StagedServerInfo
from pfcon.models import JobId, JobInfo, JobKind

Answer = tuple[PostedOperation, int]


class StagedJobs(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """Base of the four list resources."""

    method_decorators = (requires_token,)

    @operation()
    def get(self) -> StagedServerInfo:
        """Return information about this server."""
        return current().jobs.staged_server_info()


def _fields(kind: JobKind) -> dict[str, list[str]]:
    """Return the form's fields; an unexpected ``data_file`` is read and discarded. kind: of the job that is posted."""
    with incoming_body(), read_form(request, current().settings.storage.limits, None) as form:
        note_job_of(form.fields, kind)
        return form.fields


def _answer(jid: JobId, info: JobInfo) -> Answer:
    return {"data": {}, "compute": serial.compute(info, jid)}, 201


class CopyJobs(StagedJobs):
    """``copyjobs/``"""

    @operation(status=201, form=COPY_FORM, errors=POST_ERRORS)
    def post(self) -> Answer:
        """Start fetching a job's inputs."""
        job = parse_copy(_fields(JobKind.COPY))
        return _answer(job.jid, current().jobs.submit_copy(job))


class PluginJobs(StagedJobs):
    """``pluginjobs/``"""

    @operation(status=201, form=PLUGIN_FORM, errors=POST_PLUGIN_ERRORS)
    def post(self) -> tuple[PostedJob, int]:
        """Schedule the plugin's container."""
        return post_plugin_job(current().jobs.submit_plugin)


class UploadJobs(StagedJobs):
    """``uploadjobs/``"""

    @operation(status=201, form=UPLOAD_FORM, errors=(*POST_ERRORS, Absent))
    def post(self) -> Answer:
        """Start sending a job's outputs to the storage."""
        job = parse_upload(_fields(JobKind.UPLOAD))
        return _answer(job.jid, current().jobs.submit_upload(job))


class DeleteJobs(StagedJobs):
    """``deletejobs/``"""

    @operation(status=201, form=DELETE_FORM, errors=POST_ERRORS)
    def post(self) -> Answer:
        """Cancel what still runs of a job and start to delete its data."""
        jid, limits = parse_delete(_fields(JobKind.DELETE))
        return _answer(jid, current().jobs.submit_delete(jid, limits))


class PluginJobFile(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``pluginjobs/<jid>/file/``"""

    method_decorators = (requires_token,)

    @operation(parameters=FILE_PARAMETERS, content=OUTPUTS, errors=JOB_ERRORS)
    def get(self, jid: str) -> Response:
        """Return the job's outputs. They are not delivered to the storage: upload jobs do that."""
        return outputs_response(job_id(jid, JobKind.PLUGIN), deliver=False)


class PluginJobOutputs(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``pluginjobs/<jid>/outputs/``"""

    method_decorators = (requires_token,)

    @operation(errors=JOB_ERRORS)
    def get(self, jid: str) -> OutputFilesObject:
        """Return the names and sizes of the job's output files. A job that runs may still write."""
        return serial.output_files(current().jobs.output_files(job_id(jid, JobKind.PLUGIN)))


LISTS = {
    JobKind.COPY: CopyJobs,
    JobKind.PLUGIN: PluginJobs,
    JobKind.UPLOAD: UploadJobs,
    JobKind.DELETE: DeleteJobs,
}


class StagedJob(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``<kind>jobs/<jid>/``"""

    method_decorators = (requires_token,)

    def __init__(self, kind: JobKind) -> None:
        self._kind = kind

    @operation(errors=JOB_ERRORS)
    def get(self, jid: str) -> JobState:
        """Return the job's status and the last lines of its log."""
        info, logs = current().jobs.status(job_id(jid, self._kind), self._kind)
        return {"compute": serial.compute(info, jid, logs)}

    @operation(status=204, errors=(Refused, Foreign, StorageFull))
    def delete(self, jid: str) -> tuple[str, int]:
        """Cancel the job and delete its record; its data are kept. A missing job is no error. Raises Foreign."""
        try:
            current().jobs.remove(job_id(jid, self._kind), self._kind, with_data=False)
        except Foreign:
            raise
        except Absent:
            return "", 204
        return "", 204


class CancelledJob(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``<kind>jobs/<jid>/cancel/`` and ``jobs/<jid>/cancel/``"""

    method_decorators = (requires_token,)

    def __init__(self, kind: JobKind) -> None:
        self._kind = kind

    @operation(errors=JOB_ERRORS)
    def post(self, jid: str) -> JobState:
        """Cancel the job and return its state; nothing changes if it has ended. Raises Absent, Unreachable."""
        info, logs = current().jobs.cancel(job_id(jid, self._kind), self._kind)
        return {"compute": serial.compute(info, jid, logs)}


CANCELS = {
    "jobs": JobKind.PLUGIN,
    "copyjobs": JobKind.COPY,
    "pluginjobs": JobKind.PLUGIN,
    "uploadjobs": JobKind.UPLOAD,
}
"""Resources whose jobs can be cancelled. Half-deleted data are of no use: a delete job can't."""
