"""Every error as JSON ``{"message": ...}``, in one place."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, jsonify, request
from flask_restful import Api
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from pfcon.errors import PfconError
from pfcon.os_errors import from_os_error, seen_with_storebase
from pfcon.paths import StoreBase

log = logging.getLogger(__name__)

TEXT_FIELDS = {"data_file", "entrypoint", "env", "input_dirs", "output_dir", "job_output_path"}
RETRY_AFTER = 5  # seconds, told with errors that may pass


def error_response(error: Exception) -> Response:
    """The answer to any exception. What is no PfconError or HTTP error is logged, and told as 500 without detail."""
    if isinstance(error, HTTPException):
        return _http_response(error)
    if isinstance(error, OSError):
        log.warning("%s %s: %s", request.method, request.path, error)
        error = from_os_error(error, _storebase())
    if isinstance(error, PfconError):
        error = seen_with_storebase(error, _storebase())
        response = jsonify(message=_message(error))
        response.status_code = error.status
        if error.retryable:
            response.headers["Retry-After"] = str(RETRY_AFTER)
        if error.status >= 500:
            log.warning("%s %s: %s", request.method, request.path, error)
        return response
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    response = jsonify(message="Internal server error; the service's log tells more.")
    response.status_code = 500
    return response


def _http_response(error: HTTPException) -> Response:
    """What the framework refuses or redirects. Clients follow a redirection; who reads its body finds JSON."""
    if error.response is not None:  # an answer that was raised
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
    """A text, or a mapping of fields; a single fault of some fields has always been told as a text."""
    if isinstance(error.message, str):
        return error.message
    if len(error.message) == 1 and error.message.keys() <= TEXT_FIELDS:
        return str(error)
    return dict(error.message)


class JsonApi(Api):  # type: ignore[misc]  # Flask-RESTful has no types
    """An Api that answers all errors of its application alike, also those that no resource owns.

    Flask-RESTful decides by matching the request's path once more whether an error is its own, and a redirection that
    comes of that escapes to the server; Flask lets redirections of its router pass as they are, in HTML. And its
    ``handle_error`` is the one that decides while TESTING is off.
    """

    def error_router(self, original_handler: Callable[[Exception], Any], e: Exception) -> Any:  # noqa: ARG002 - the API's form
        """See error_response."""
        return error_response(e)

    def handle_error(self, e: Exception) -> Any:
        """See error_response."""
        return error_response(e)
