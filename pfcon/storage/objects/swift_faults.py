"""What Swift's answers mean, and what python-swiftclient raises, as the seam's errors. Pure."""

from typing import NamedTuple

from requests import RequestException
from swiftclient.exceptions import ClientException
from urllib3.exceptions import HTTPError

from pfcon.errors import Refused
from pfcon.network import silence
from pfcon.storage.objects.http import one_line, retry_after_seconds
from pfcon.storage.objects.store import Changed, ObjectAbsent, Transient

NETWORK_FAULTS = (RequestException, HTTPError, OSError)
"""What a broken or silent connection raises. While a body is read urllib3's come as they are."""

_TRANSIENT = {408, 429, 498, 499}  # 498: Swift's rate limit; 499: it saw the client go
_LASTING = {501, 505}
NOT_WHAT_WAS_SENT = "what arrived is not what was sent"
_REASONS = {
    401: "the credentials of SWIFT_USERNAME and SWIFT_KEY are refused",
    403: "SWIFT_USERNAME has no right to do that",
    411: "it wants requests that tell their length",
    413: "that is too large, or above the account's quota",
}


class NoContainer(Refused):
    """There is no such container."""


class Asked(NamedTuple):
    """``place``: ObjectStore's. ``name``: of the object, None for the container itself. ``secrets``: never shown."""

    place: str
    name: str | None = None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Asked({self.what})"

    @property
    def what(self) -> str:
        """The object or the container, for messages."""
        return self.place if self.name is None else f"{self.name!r} in {self.place}"


def answered(error: ClientException, asked: Asked) -> Exception:
    """Our error for an answer that is none of success. A 404 for a name may still be the container's."""
    status: int = error.http_status or 0
    text = one_line(error.http_response_content or error.http_reason or "", asked.secrets)
    if status in _TRANSIENT or (status >= 500 and status not in _LASTING):
        headers = error.http_response_headers or {}
        return Transient(f"{asked.place} answers {status} ({text})", retry_after_seconds(headers.get("Retry-After")))
    if status == 422:
        return Transient(f"{asked.what}: {NOT_WHAT_WAS_SENT} ({status}: {text})")
    if status == 404:
        return ObjectAbsent(f"no {asked.what}") if asked.name is not None else NoContainer(f"there is no {asked.place}")
    if status in (412, 416) and asked.name is not None:
        return Changed(f"{asked.what} is another one meanwhile")
    if status == 0:  # not from an answer: the library itself
        return Refused(f"{asked.what}: {one_line(str(error), asked.secrets)}")
    reason = _REASONS.get(status, "it refuses that")
    return Refused(f"{asked.what}: {reason} ({status}: {text})")


def unanswered(fault: BaseException, place: str) -> Exception:
    """Our error for a request that got no answer, or a part of one."""
    found = silence(fault)
    text = f"{place} does not answer: {found.reason}"
    return Refused(text) if found.lasting else Transient(text)
