"""All routes of the application."""

from flask import Flask

from pfcon.api.errors import JsonApi
from pfcon.api.events import Events
from pfcon.api.logs import JobLog
from pfcon.api.metrics import add_metrics
from pfcon.api.openapi.document import PREFIX
from pfcon.api.openapi.pages import Docs, DocsStyle, OpenApi
from pfcon.api.page.resources import add_page
from pfcon.api.records import Counts, Records, RecordsOfJob
from pfcon.api.service import AuthToken, Health, Ready, Traffic
from pfcon.api.staged_jobs import CANCELS, LISTS, CancelledJob, PluginJobFile, PluginJobOutputs, StagedJob
from pfcon.api.sync_jobs import Job, JobFile, JobList
from pfcon.models import JobKind


def add_routes(app: Flask) -> None:
    """Add all routes to an application. Its context may be set later."""
    add_metrics(app)
    add_page(app)
    api = JsonApi(app, prefix=PREFIX)
    api.add_resource(Health, "/health/")
    api.add_resource(Ready, "/ready/")
    api.add_resource(Traffic, "/ready/traffic/")
    api.add_resource(OpenApi, "/openapi.json")
    api.add_resource(Docs, "/docs/")
    api.add_resource(DocsStyle, "/docs/style.css")
    api.add_resource(AuthToken, "/auth-token/")
    api.add_resource(JobList, "/jobs/")
    api.add_resource(Job, "/jobs/<string:jid>/")
    api.add_resource(JobFile, "/jobs/<string:jid>/file/")
    api.add_resource(PluginJobFile, "/pluginjobs/<string:jid>/file/")
    api.add_resource(PluginJobOutputs, "/pluginjobs/<string:jid>/outputs/")
    api.add_resource(Events, "/events/")
    api.add_resource(Counts, "/counts/")
    api.add_resource(Records, "/records/")
    api.add_resource(RecordsOfJob, "/records/<string:jid>/")
    for kind, jobs in LISTS.items():
        api.add_resource(jobs, f"/{kind}jobs/")
        path = f"/{kind}jobs/<string:jid>/"
        api.add_resource(StagedJob, path, endpoint=f"{kind}job", resource_class_kwargs={"kind": kind})
    for jobs_path, kind in {"jobs": JobKind.PLUGIN, **{f"{kind}jobs": kind for kind in LISTS}}.items():
        path, endpoint = f"/{jobs_path}/<string:jid>/logs/", f"log{jobs_path}"
        api.add_resource(JobLog, path, endpoint=endpoint, resource_class_kwargs={"kind": kind})
    for jobs_path, kind in CANCELS.items():
        path, endpoint = f"/{jobs_path}/<string:jid>/cancel/", f"cancel{jobs_path}"
        api.add_resource(CancelledJob, path, endpoint=endpoint, resource_class_kwargs={"kind": kind})
