"""Lines that a thread writes before a request has its id do not have that of the thread's last request."""

import logging
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from pfcon.front.buffered_socket import BufferedSocket
from pfcon.front.serving import ServingWorker
from pfcon.service_log import begin_request
from pfcon.service_log.fields import fields_of


class FailingWorker(ServingWorker):
    """One in which every request fails before the application sees it."""

    def __init__(self) -> None:
        """Without gunicorn's own state."""

    def handle_request(self, _request: Any, _connection: Any) -> bool:
        raise RuntimeError("a fault of the server")


def test_a_request_that_fails_early_has_no_other_s_id(caplog: pytest.LogCaptureFixture) -> None:
    """Its own is that of its answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs, caplog.at_level(logging.INFO):
        connection = SimpleNamespace(
            request=SimpleNamespace(body=None, method="GET", path="/"),
            sock=BufferedSocket(ours),
            client=("192.0.2.1", 1),
        )
        begin_request("of-the-last-request")
        try:
            assert not FailingWorker().serve_in_thread(connection)
        finally:
            begin_request("")
        answer = theirs.recv(65536)
    assert b"HTTP/1.1 500 " in answer
    ids = {fields_of(record).get("request_id") for record in caplog.records}
    assert "of-the-last-request" not in ids
    assert len(caplog.records) == 2
