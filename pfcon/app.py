"""create_app: creates all objects of the service and connects them."""

from flask import Flask

from pfcon.api.context import Context
from pfcon.api.errors import JsonApi
from pfcon.api.events import Events
from pfcon.api.metrics import add_metrics
from pfcon.api.records import Records, RecordsOfJob
from pfcon.api.request_log import RequestLog
from pfcon.api.service import AuthToken, Health, Ready
from pfcon.api.slots import StreamSlots, TransferSlots
from pfcon.api.staged_jobs import CANCELS, LISTS, CancelledJob, PluginJobFile, StagedJob
from pfcon.api.sync_jobs import Job, JobFile, JobList
from pfcon.configuration import Settings
from pfcon.events.service import EventService
from pfcon.jobs import JobService
from pfcon.jobs.make_context import make_context
from pfcon.logins import LoginLimit
from pfcon.paths import StoreBase

PREFIX = "/api/v1"


def create_app(settings: Settings) -> Flask:
    """Return the WSGI application. Opens no connection and starts no thread, so it may be called before a fork.

    Raises ConfigurationError when the engine or the storage is missing.
    """
    storebase = StoreBase(settings.storage.storebase_mount, settings.storage.passable)
    context = make_context(settings, storebase)
    jobs = JobService(context)
    app = Flask("pfcon", static_folder=None)
    transfers = TransferSlots(settings.server.threads)
    app.extensions["pfcon"] = Context(
        settings,
        storebase,
        jobs,
        EventService(context.journal, settings.webhook),
        transfers,
        StreamSlots(settings.server.threads, transfers),
        LoginLimit(),
    )
    RequestLog(app)
    add_metrics(app)
    _add_resources(app)
    return app


def jobs_of(app: Flask) -> JobService:
    """Return the application's JobService."""
    context: Context = app.extensions["pfcon"]
    return context.jobs


def events_of(app: Flask) -> EventService:
    """Return the application's EventService."""
    context: Context = app.extensions["pfcon"]
    return context.events


def _add_resources(app: Flask) -> None:
    api = JsonApi(app, prefix=PREFIX)
    api.add_resource(Health, "/health/")
    api.add_resource(Ready, "/ready/")
    api.add_resource(AuthToken, "/auth-token/")
    api.add_resource(JobList, "/jobs/")
    api.add_resource(Job, "/jobs/<string:jid>/")
    api.add_resource(JobFile, "/jobs/<string:jid>/file/")
    api.add_resource(PluginJobFile, "/pluginjobs/<string:jid>/file/")
    api.add_resource(Events, "/events/")
    api.add_resource(Records, "/records/")
    api.add_resource(RecordsOfJob, "/records/<string:jid>/")
    for kind, jobs in LISTS.items():
        api.add_resource(jobs, f"/{kind}jobs/")
        path = f"/{kind}jobs/<string:jid>/"
        api.add_resource(StagedJob, path, endpoint=f"{kind}job", resource_class_kwargs={"kind": kind})
    for jobs_path, kind in CANCELS.items():
        path, endpoint = f"/{jobs_path}/<string:jid>/cancel/", f"cancel{jobs_path}"
        api.add_resource(CancelledJob, path, endpoint=endpoint, resource_class_kwargs={"kind": kind})
