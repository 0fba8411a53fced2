"""JSON responses to requests that never reach the application. Pure functions."""

import json
import re
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors as _errors

errors: Any = _errors  # its type stubs are older
LONGEST = 300  # characters of a message, which may quote what the client sent
_STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (errors.InvalidResponseHeader, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.InvalidResponseHeaderName, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.ConfigurationProblem, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.ForbiddenProxyRequest, HTTPStatus.FORBIDDEN),
    (errors.ParseException, HTTPStatus.BAD_REQUEST),
    (BlockingIOError, HTTPStatus.BAD_REQUEST),  # the parser needs more data, but the request is already invalid
)


def status_of(fault: BaseException) -> HTTPStatus:
    """Return the HTTP status for an error of gunicorn's parser or of gunicorn's call of the application."""
    return next((status for kind, status in _STATUS if isinstance(fault, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def message_of(fault: BaseException) -> str:
    """Return the error's message for the client."""
    if status_of(fault) is HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Internal server error; see the service's log."
    if isinstance(fault, BlockingIOError):
        return "Invalid HTTP request"
    return str(fault)[:LONGEST]


def logged_of(fault: BaseException) -> str:
    """Return the error's text for the log, the same for all errors of its class.

    The message has what the client sent, which may be a password, a token or an environment: a body that is longer than
    its Content-Length goes on as the next request.
    """
    if not isinstance(fault, errors.ParseException):
        return message_of(fault)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(fault).__name__).lower()


def error_answer(status: HTTPStatus, message: str, request_id: str) -> bytes:
    """Return a complete HTTP response, with ``Connection: close``."""
    body = json.dumps({"message": message}).encode() + b"\n"
    retry = "Retry-After: 5\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"{retry}X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
