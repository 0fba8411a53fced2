"""Answers the requests that never reach the application, and logs them."""

import logging
from http import HTTPStatus

from pfcon.front.answers import error_answer
from pfcon.metrics.instruments import REFUSED_EARLY
from pfcon.service_log import new_request_id
from pfcon.service_log.limited import LimitedLog

_REFUSED = LimitedLog(logging.getLogger(__name__))


def refusal(status: HTTPStatus, message: str, address: str, logged: str = "") -> bytes:
    """Return the response of a request, and write its line as for requests that the application has refused.

    logged: the error in that line, if it must not be the message.
    """
    request_id = new_request_id()
    REFUSED_EARLY.labels(int(status)).inc()
    text, level = ("request failed", logging.WARNING) if status >= 500 else ("request refused", logging.INFO)
    _REFUSED.write(level, text, status=int(status), error=logged or message, address=address, request_id=request_id)
    return error_answer(status, message, request_id)
