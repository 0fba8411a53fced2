"""The id of a request: from the header ``X-Request-ID``, or made here. All lines of its thread have it."""

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"
_POSSIBLE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # what is also a label's value in Kubernetes
_CURRENT: ContextVar[str] = ContextVar("pfcon_request_id", default="")


def new_request_id() -> str:
    """Return a new, unique id."""
    return uuid.uuid4().hex


def accepted_or_new(given: str | None) -> str:
    """Return the id that a client has given, or a new one if it gave none or one that can't be used."""
    return given if given and _POSSIBLE.fullmatch(given) else new_request_id()


def current_request_id() -> str:
    """Return the id of the request that this thread serves; ``""`` outside of requests."""
    return _CURRENT.get()


def set_request_id(value: str) -> None:
    """Set the id for all that this thread does from now on; ``""`` ends that."""
    _CURRENT.set(value)
