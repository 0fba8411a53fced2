"""Translates error responses of S3, and what botocore raises, to the errors of ``store``. Pure.

Codes as in Amazon's "S3 API Reference", "Error responses"; for a response without a body botocore takes the status.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError
from urllib3.exceptions import HTTPError

from pfcon.errors import Refused
from pfcon.network import explain
from pfcon.storage.objects.http import one_line, retry_after_seconds
from pfcon.storage.objects.source import SourceFault
from pfcon.storage.objects.store import Changed, ObjectAbsent, Transient

NETWORK_FAULTS = (HTTPClientError, NoConnectionError, IncompleteReadError, HTTPError, OSError)
"""What a broken or silent connection raises. While a body is read, urllib3's own errors may not be wrapped."""

_TRANSIENT_CODES = {
    *("RequestTimeout", "IncompleteBody", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"),
    *("BadDigest", "XAmzContentSHA256Mismatch"),
    *("OperationAborted", "ConditionalRequestConflict", "InternalError", "ServiceUnavailable"),
}
_TRANSIENT = {408, 429}
_LASTING = {501, 505}
_NO_BUCKET = {"NoSuchBucket"}
_NO_KEY = {"NoSuchKey", "404"}
_CHANGED = {"PreconditionFailed", "412", "InvalidRange", "416"}
_REASONS = {
    "SignatureDoesNotMatch": "S3_ACCESS_KEY and S3_SECRET_KEY are refused",
    "InvalidAccessKeyId": "S3_ACCESS_KEY is refused",
    "AccessDenied": "S3_ACCESS_KEY has no permission for this request",
    "403": "S3_ACCESS_KEY and S3_SECRET_KEY are refused, or have no permission for this request",
    "RequestTimeTooSkewed": "its clock and this machine's differ too much",
    "BadDigest": "the data were corrupted in transit",
    "XAmzContentSHA256Mismatch": "the data were corrupted in transit",
    "PermanentRedirect": "the bucket has another endpoint: are S3_ENDPOINT_URL and S3_REGION_NAME right?",
    "301": "the bucket has another endpoint: are S3_ENDPOINT_URL and S3_REGION_NAME right?",
}


class NoUpload(Refused):
    """The multipart upload does not exist any more: it was completed or aborted."""


def code_of(error: ClientError) -> str:
    """Return the code of an error; ``""`` if it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def response_error(error: ClientError, place: str, name: str | None, secrets: tuple[str, ...] = ()) -> Exception:
    """Return our error for an error response. A 404 for an object: ObjectAbsent, even if its bucket may be missing."""
    code = code_of(error)
    about: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    status = int(about.get("HTTPStatusCode", 0))
    text = one_line(str(error.response.get("Error", {}).get("Message", "")), secrets)
    what = place if name is None else f"{name!r} in {place}"
    quote = f"{status} {code}: {text}" if code != str(status) else f"{status} {text}"
    if code in _TRANSIENT_CODES or status in _TRANSIENT or (status >= 500 and status not in _LASTING):
        reason = f"{what}: {_REASONS[code]} ({quote})" if code in _REASONS else f"{place} answers {quote}"
        return Transient(reason, retry_after_seconds(about.get("HTTPHeaders", {}).get("retry-after")))
    if code in _NO_BUCKET or (code in _NO_KEY and name is None):
        return Refused(f"there is no {place}")
    if code in _NO_KEY:
        return ObjectAbsent(f"no {what}")
    if code == "NoSuchUpload":
        return NoUpload(f"{what}: the upload was ended by another client ({quote})")
    if code in _CHANGED:
        return Changed(f"{what} was replaced by another version")
    return Refused(f"{what}: {_REASONS.get(code, 'the request was refused')} ({quote})")


def connection_error(fault: BaseException, place: str) -> Exception:
    """Return our error for a request without a complete response."""
    inner = getattr(fault, "kwargs", {}).get("error")  # what was raised while botocore was sending
    if isinstance(inner, SourceFault):
        return inner.error
    if isinstance(inner, Refused):
        return inner
    found = explain(fault)
    text = f"{place} does not answer: {found.reason}"
    return Refused(text) if found.lasting else Transient(text)


def request_error(
    fault: BotoCoreError | UnicodeEncodeError, place: str, name: str | None, secrets: tuple[str, ...] = ()
) -> Exception:
    """Return our error for a request that botocore rejects before sending it."""
    what = place if name is None else f"{name!r} in {place}"
    return Refused(f"{what}: {one_line(str(fault), secrets)}")
