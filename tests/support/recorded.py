"""A relay in front of a live service that checks what passes against the OpenAPI document."""

import io
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import requests
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

from pfcon.testing.waiting import PATIENCE

from .described import Described

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_OF_ONE_CONNECTION = {"connection", "transfer-encoding", "content-length", "content-encoding", "host"}


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Print nothing."""


class CheckedTraffic:
    """A WSGI application. ``faults``: what the document does not have. ``seen``: each request and its status."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self.faults: list[str] = []
        self._described = Described()
        self._base = f"http://127.0.0.1:{port}"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass on a request and its answer."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        request = Request({**environ, "wsgi.input": io.BytesIO(body)})
        headers = {name: value for name, value in request.headers if name.lower() not in _OF_ONE_CONNECTION}
        with requests.Session() as session:
            session.trust_env = False
            url = self._base + request.full_path.rstrip("?")
            answer = session.request(
                request.method, url, headers=headers, data=body, timeout=PATIENCE, allow_redirects=False
            )
        self.seen.append((request.method, request.path, answer.status_code))
        try:
            with request:  # closes its files
                self._check(request, answer)
        except AssertionError as fault:
            self.faults.append(f"{request.method} {request.full_path}: {fault}")
        passed = [pair for pair in answer.headers.items() if pair[0].lower() not in _OF_ONE_CONNECTION]
        start_response(f"{answer.status_code} {answer.reason}", passed)
        return [answer.content]

    def _check(self, request: Request, answer: requests.Response) -> None:
        if request.mimetype in FORMS and answer.ok:
            fields = {name: request.form.getlist(name) for name in request.form}
            files = {name: ["a file"] for name in request.files}
            self._described.check_form(request.method, request.path, {**fields, **files}, request.mimetype)
        self._described.check_answer(request.method, request.path, answer.status_code, answer.headers, answer.content)


@contextmanager
def checked_traffic(port: int) -> Iterator[tuple[str, CheckedTraffic]]:
    """A relay to a service on loopback: the base of its resources, and what was seen. Fails at its end for a fault."""
    traffic = CheckedTraffic(port)
    server = make_server("127.0.0.1", 0, traffic, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="checked-traffic", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/", traffic
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert traffic.faults == []
