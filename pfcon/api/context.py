"""The objects that resources use, and the check of the token."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app, request

from pfcon.api.slots import StreamSlots, TransferSlots
from pfcon.auth import verify_header
from pfcon.configuration import Settings
from pfcon.events.service import EventService
from pfcon.jobs import JobService
from pfcon.logins import LoginLimit
from pfcon.paths import StoreBase

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Context:
    """The objects of the application that resources call."""

    settings: Settings
    storebase: StoreBase
    jobs: JobService
    events: EventService
    transfers: TransferSlots
    event_streams: StreamSlots
    log_streams: StreamSlots
    logins: LoginLimit


def current() -> Context:
    """Return the context of the application that serves this request."""
    context: Context = current_app.extensions["pfcon"]
    return context


def requires_token(method: Callable[P, R]) -> Callable[P, R]:
    """Decorator of a resource's method. Without a valid token it raises Unauthorized (401) before the body is read."""

    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        verify_header(current().settings.auth, request.headers.get("Authorization"))
        return method(*args, **kwargs)

    return guarded
