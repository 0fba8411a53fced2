"""Translates error responses of an API server (Status objects) to pfcon's errors. Pure."""

import json
from typing import Any

from pfcon.compute.unanswered import NoAnswer
from pfcon.compute.words import plain
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable
from pfcon.network import explain


class Expired(Unreachable):
    """A watch or a list can't be continued: it has to be started again (410 Gone)."""


def status_text(body: bytes) -> str:
    """Return the message of a Status object, or the text of a body that is not one."""
    try:
        found: Any = json.loads(body)
        return plain(str(found["message"]))
    except (ValueError, TypeError, KeyError):
        return plain(body.decode("utf-8", "replace"))


def error_of(status: int, text: str) -> PfconError:
    """Return pfcon's error for an HTTP status (Kubernetes API concepts, "Status"). text: the server's."""
    text = text or f"the answer has the status {status}"
    if status == 404:
        return Absent(text)
    if status == 409:
        return Conflict(text)
    if status == 410:
        return Expired(f"Kubernetes can't go on from there: {text}")
    if status == 401:
        return Unreachable(f"Kubernetes does not accept this service's credentials: {text}")
    if status in (408, 429) or status >= 500:
        return Unreachable(f"Kubernetes can't do that now: {text}")
    return Refused(f"Kubernetes refuses: {text}")


def no_answer(where: str, fault: BaseException) -> NoAnswer:
    """Return pfcon's error for a request without a response."""
    found = explain(fault)
    return NoAnswer(f"Kubernetes at {where} does not answer: {found.reason}", may_have_arrived=found.may_have_arrived)
