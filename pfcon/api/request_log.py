"""Logs requests: each that was refused or has failed, and with PFCON_LOG_LEVEL=debug all of them."""

import logging
import time
from functools import partial

from flask import Flask, Response, g, request

from pfcon.metrics.instruments import LOGINS_REFUSED, REQUESTS
from pfcon.service_log import accepted_or_new, begin_request, current_request_id, write
from pfcon.service_log.limited import LimitedLog
from pfcon.service_log.request_id import HEADER

log = logging.getLogger(__name__)

LONGEST = 500  # characters of an error in a line
FAILED, REFUSED = "request failed", "request refused"
LOGIN_REFUSED, TOKEN_REFUSED = "login refused", "token refused"
_LIMITED = (FAILED, REFUSED, LOGIN_REFUSED, TOKEN_REFUSED)

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_READY = ("ready", "traffic")  # their 503 is an answer; the parts' changes are logged


class RequestLog:
    """Gives each request of an application its id, and writes its line.

    Limits the lines of refused requests, each kind by itself: a flood of one must not hide another.
    """

    def __init__(self, app: Flask) -> None:
        self._limited = {text: LimitedLog(log) for text in _LIMITED}
        app.before_request(self._begin)
        app.after_request(self._end)

    def _begin(self) -> None:
        begin_request(accepted_or_new(request.headers.get(HEADER)))
        g.pfcon_begun = time.monotonic()

    def _end(self, response: Response) -> Response:
        if begun := g.pop("pfcon_begun", None):
            response.headers[HEADER] = current_request_id()
            seconds = time.monotonic() - begun
            method = request.method if request.method in _METHODS else "other"
            self._write(method, response.status_code, seconds)
            route = request.url_rule.rule if request.url_rule else "none"
            REQUESTS.labels(route, method, response.status_code).observe(seconds)
        return response

    def _write(self, method: str, status: int, seconds: float) -> None:
        level, text = _kind_of(status)
        write_line = self._limited[text].write if text in self._limited else partial(write, log)
        write_line(
            level,
            text,
            method=method,
            path=request.path,
            status=status,
            error=g.get("pfcon_failure", "")[:LONGEST],
            address=request.remote_addr,
            agent=request.headers.get("User-Agent", "")[:100],
            ms=round(seconds * 1000),
        )


def note_failure(error: str) -> None:
    """Remember why this request was refused or has failed; the first reason stays, which is the most exact one."""
    if "pfcon_failure" not in g:
        g.pfcon_failure = error


def note_refused_login() -> None:
    """Remember that this request's credentials were wrong, or not looked at because there were too many."""
    g.pfcon_login_refused = True
    LOGINS_REFUSED.inc()


def _kind_of(status: int) -> tuple[int, str]:
    """Return the level and the text of a request's line."""
    if status >= 500 and request.endpoint not in _READY:
        return logging.WARNING, FAILED
    if status == 401:
        return logging.WARNING, TOKEN_REFUSED
    if g.get("pfcon_login_refused", False):
        return logging.WARNING, LOGIN_REFUSED
    return (logging.INFO, REFUSED) if 400 <= status < 500 else (logging.DEBUG, "request")
