"""Translates error responses of Swift, and what python-swiftclient raises, to the errors of ``store``. Pure."""

from typing import NamedTuple

from requests import RequestException
from swiftclient.exceptions import ClientException
from urllib3.exceptions import HTTPError

from pfcon.errors import Refused
from pfcon.network import explain
from pfcon.storage.objects.http import one_line, retry_after_seconds
from pfcon.storage.objects.store import Changed, ObjectAbsent, Transient

NETWORK_FAULTS = (RequestException, HTTPError, OSError)
"""What a broken or silent connection raises. While a body is read, urllib3's own errors are not wrapped."""

_TRANSIENT = {408, 429, 498, 499}  # 498: Swift's rate limit; 499: it saw the client go
_LASTING = {501, 505}
NOT_WHAT_WAS_SENT = "the data were corrupted in transit"
_REASONS = {
    401: "the credentials of SWIFT_USERNAME and SWIFT_KEY are refused",
    403: "SWIFT_USERNAME has no permission for this request",
    411: "it requires requests with a Content-Length",
    413: "the request is too large, or exceeds the account's quota",
}


class NoContainer(Refused):
    """The container does not exist."""


class RequestTarget(NamedTuple):
    """What a request is about. ``place``: see ObjectStore. ``name``: of the object, None for the container itself.

    ``secrets``: texts that messages must not contain; ``repr`` hides them.
    """

    place: str
    name: str | None = None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"RequestTarget({self.what})"

    @property
    def what(self) -> str:
        """The object or the container, as messages name it."""
        return self.place if self.name is None else f"{self.name!r} in {self.place}"


def response_error(error: ClientException, target: RequestTarget) -> Exception:
    """Return our error for an error response. A 404 for an object: ObjectAbsent, even if its container is missing."""
    status: int = error.http_status or 0
    text = one_line(error.http_response_content or error.http_reason or "", target.secrets)
    if status in _TRANSIENT or (status >= 500 and status not in _LASTING):
        headers = error.http_response_headers or {}
        return Transient(f"{target.place} answers {status} ({text})", retry_after_seconds(headers.get("Retry-After")))
    if status == 422:
        return Transient(f"{target.what}: {NOT_WHAT_WAS_SENT} ({status}: {text})")
    if status == 404:
        return NoContainer(f"there is no {target.place}") if target.name is None else ObjectAbsent(f"no {target.what}")
    if status in (412, 416) and target.name is not None:
        return Changed(f"{target.what} was replaced by another version")
    if status == 0:  # raised by the library, not from a response
        return Refused(f"{target.what}: {one_line(str(error), target.secrets)}")
    reason = _REASONS.get(status, "the request was refused")
    return Refused(f"{target.what}: {reason} ({status}: {text})")


def connection_error(fault: BaseException, place: str) -> Exception:
    """Return our error for a request without a complete response."""
    found = explain(fault)
    text = f"{place} does not answer: {found.reason}"
    return Refused(text) if found.lasting else Transient(text)
