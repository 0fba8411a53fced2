"""Converts every error to a JSON response ``{"message": ...}``."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, jsonify, request
from flask_restful import Api
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from pfcon.api.request_log import note_failure
from pfcon.errors import OutOfRange, PfconError
from pfcon.os_errors import from_os_error, or_unreachable
from pfcon.paths import StoreBase

log = logging.getLogger(__name__)

TEXT_FIELDS = {"data_file", "entrypoint", "env", "input_dirs", "output_dir", "job_output_path"}


def error_response(error: Exception) -> Response:
    """Return the response for any exception. Unexpected ones are logged; the client gets 500 without details."""
    if isinstance(error, HTTPException):
        return _http_response(error)
    if isinstance(error, OSError):
        note_failure(str(error))
        error = from_os_error(error, _storebase())
    if isinstance(error, PfconError):
        error = or_unreachable(error, _storebase())
        response = jsonify(message=_message(error))
        response.status_code = error.status
        if error.retryable:
            response.headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, OutOfRange):
            response.headers["Content-Range"] = f"bytes */{error.size}"
        note_failure(str(error))
        return response
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    note_failure(type(error).__name__)
    response = jsonify(message="Internal server error; see the service's log.")
    response.status_code = 500
    return response


def _http_response(error: HTTPException) -> Response:
    """Return the response for an error or a redirection of the framework, with a JSON body in both cases."""
    note_failure(error.description or "")
    if error.response is not None:  # a response that was raised as an exception
        return error.response  # type: ignore[return-value]  # werkzeug types it as its own Response
    if isinstance(error, RequestRedirect):
        response = jsonify(message=f"this resource is at {error.new_url}")
        response.headers["Location"] = error.new_url
    else:
        response = jsonify(message=error.description or HTTPStatus(error.code or 500).phrase)
        response.headers.extend([(k, v) for k, v in error.get_headers() if k.lower() == "allow"])
    response.status_code = error.code or 500
    return response


def _storebase() -> StoreBase:
    storebase: StoreBase = current_app.extensions["pfcon"].storebase
    return storebase


def _message(error: PfconError) -> str | dict[str, str]:
    """Return a text, or a mapping from field to text. Clients expect a text for a single fault of some fields."""
    if isinstance(error.message, str):
        return error.message
    if len(error.message) == 1 and error.message.keys() <= TEXT_FIELDS:
        return str(error)
    return dict(error.message)


class JsonApi(Api):  # type: ignore[misc]  # Flask-RESTful has no types
    """An Api that handles all errors of its application in the same way, also those outside any resource.

    Flask-RESTful matches the request's path a second time to decide whether to handle an error; a redirection raised by
    that matching is not caught. Flask returns redirections of its router as HTML. Both methods are overridden because
    ``handle_error`` is used when TESTING is off.
    """

    def error_router(self, original_handler: Callable[[Exception], Any], e: Exception) -> Any:  # noqa: ARG002 - the API's form
        """See error_response."""
        return error_response(e)

    def handle_error(self, e: Exception) -> Any:
        """See error_response."""
        return error_response(e)
