"""create_app: creates all objects of the service and connects them."""

from flask import Flask

from pfcon.api.context import Context
from pfcon.api.request_log import RequestLog
from pfcon.api.routes import add_routes
from pfcon.api.slots import EVENT_STREAMS, LOG_STREAMS, StreamSlots, TransferSlots
from pfcon.configuration import Settings
from pfcon.events.service import EventService
from pfcon.jobs import JobService
from pfcon.jobs.make_context import make_context
from pfcon.logins import LoginLimit
from pfcon.paths import StoreBase


def create_app(settings: Settings) -> Flask:
    """Return the WSGI application. Opens no connection and starts no thread, so it may be called before a fork.

    Raises ConfigurationError when the engine or the storage is missing.
    """
    storebase = StoreBase(settings.storage.storebase_mount, settings.storage.passable)
    context = make_context(settings, storebase)
    jobs = JobService(context)
    app = Flask("pfcon", static_folder=None)
    app.extensions["pfcon"] = Context(
        settings,
        storebase,
        jobs,
        EventService(context.journal, settings.webhook),
        TransferSlots(settings.server.threads),
        StreamSlots("events", EVENT_STREAMS),
        StreamSlots("logs", LOG_STREAMS),
        LoginLimit(),
    )
    RequestLog(app)
    add_routes(app)
    return app


def jobs_of(app: Flask) -> JobService:
    """Return the application's JobService."""
    context: Context = app.extensions["pfcon"]
    return context.jobs


def events_of(app: Flask) -> EventService:
    """Return the application's EventService."""
    context: Context = app.extensions["pfcon"]
    return context.events
