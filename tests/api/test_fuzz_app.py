"""Fuzzing of the application, without a server: every route, with each kind of storage."""

import dataclasses
import io
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import flask
import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from support.described import Described
from support.fuzzing import REQUESTS, Fuzzed, check_answer, requests
from werkzeug.routing import Rule
from werkzeug.test import run_wsgi_app

from pfcon.api import server_sent
from pfcon.api.openapi.document import path_of
from pfcon.app import create_app, jobs_of
from pfcon.auth import issue_token
from pfcon.background import Ticker
from pfcon.configuration import load
from pfcon.files.removal import remove_tree
from pfcon.logins import LoginLimit
from pfcon.server import TICK

STORAGES = ("zipfile", "filesystem", "fslink")
EACH = REQUESTS // (len(STORAGES) + 1)  # the last part is that of test_fuzz_service


def make_users_files(storebase: Path) -> None:
    """What requests name."""
    inputs = storebase / "home" / "in"
    (inputs / "dir").mkdir(parents=True)
    (storebase / "home" / "out").mkdir()
    (inputs / "a.txt").write_text("alpha")
    (inputs / "l.chrislink").write_text("home/in/dir")
    (inputs / "broken.chrislink").write_bytes(b"home/\xff\0nowhere")
    os.symlink("loop", inputs / "loop")
    os.mkfifo(inputs / "fifo")


@pytest.fixture(scope="module", params=STORAGES)
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An application on the process engine, as a worker has it."""
    with (
        tempfile.TemporaryDirectory(prefix="pfcon-fuzz-", ignore_cleanup_errors=True) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(server_sent, "DURATION", 0.0)  # so that streams end
        storebase = Path(name, "storeBase")
        make_users_files(storebase)
        innetwork = {} if request.param == "zipfile" else {"PFCON_INNETWORK": "true", "STORAGE_ENV": request.param}
        environ = {
            "APPLICATION_MODE": "development",
            "CONTAINER_ENV": "process",
            "STOREBASE_MOUNT": str(storebase),
            "STOREBASE": str(storebase),
            "PFCON_MAX_UPLOAD_BYTES": "1MiB",
            "PFCON_MAX_FORM_BYTES": "100KiB",
            **innetwork,
        }
        app = create_app(load(environ))
        # Wrong logins are to be looked at: minutes pass between them.
        limit = LoginLimit(itertools.count(step=60).__next__)
        app.extensions["pfcon"] = dataclasses.replace(app.extensions["pfcon"], logins=limit)
        jobs = jobs_of(app)
        jobs.start()
        tickers = [Ticker("lease", TICK, jobs.renew_lease), Ticker("recovery", TICK, jobs.recover)]
        yield app
        for ticker in tickers:
            ticker.stop()
        jobs.stop()
        remove_tree(storebase)  # as deep as requests have made it


def environment(request: Fuzzed, shift: int) -> dict[str, Any]:
    """WSGI's, as a server makes it (PEP 3333); ``shift``: how far Content-Length is from the truth."""
    path, _, query = request.target.partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "5005",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_LENGTH": str(max(0, len(request.body) + shift)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.decode().upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.decode("latin-1")
    return environ


@pytest.mark.timeout(600 + EACH)
def test_fuzzed_requests_get_no_server_error(app: Flask) -> None:
    """And nothing that the OpenAPI document does not have."""
    token = issue_token(app.extensions["pfcon"].settings.auth)
    shifts = st.sampled_from([0] * 8 + [-3, 7])
    described = Described()
    rules: list[Rule | None] = []

    @app.after_request
    def note_rule(response: Response) -> Response:
        rules.append(flask.request.url_rule)
        return response

    @settings(
        max_examples=EACH,
        phases=(Phase.generate,),  # jobs stay between requests: a shorter example would not fail alike
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(requests(app, token), shifts)
    def fuzz(request: Fuzzed, shift: int) -> None:
        note(repr(request))
        chunks, status, headers = run_wsgi_app(app, environment(request, shift))
        body = b"".join(chunks)
        check_answer(request, int(status.split()[0]), headers.get("Content-Type", ""), lambda: body)
        if (rule := rules.pop()) is not None and request.method != "OPTIONS":
            described.check_answer(request.method, path_of(rule), int(status.split()[0]), dict(headers), body)

    fuzz()
