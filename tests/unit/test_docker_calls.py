"""Calls to a Docker API whose answers change while it looks, against a small server."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.background import in_background
from support.settings import docker_at

from pfcon.compute.docker_api.client import ApiCalls
from pfcon.errors import Unreachable

VERSION = {"ApiVersion": "1.41", "Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
# Podman 4.3.1, of a container that ended within the request.
ENDED = {"cause": "no such process", "message": "read /proc/15132/cgroup: no such process", "response": 500}


class Server(ThreadingHTTPServer):
    """Answers with an error ``refusals`` times, then with an object."""

    daemon_threads = True
    refusals = 0
    requests = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            return self._answer(200, VERSION)
        self.server.requests += 1
        if self.server.requests <= self.server.refusals:
            return self._answer(500, ENDED)
        return self._answer(200, {"Id": "1"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, found: object) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    with in_background(Server(("127.0.0.1", 0), Handler)) as server:
        yield server


@pytest.fixture
def calls(server: Server) -> ApiCalls:
    return ApiCalls(docker_at(f"tcp://127.0.0.1:{server.server_port}"))


def test_what_podman_fails_over_is_read_again(server: Server, calls: ApiCalls) -> None:
    server.refusals = 2
    assert calls.inspect("pfcon-1") == {"Id": "1"}
    assert server.requests == 3


def test_an_answer_without_a_reason_may_pass_too(server: Server, calls: ApiCalls) -> None:
    server.refusals = 1
    with calls.ask("HEAD", "containers", "pfcon-1", "archive") as answer:
        assert answer.status == 200
    assert server.requests == 2


def test_a_fault_that_stays_is_told(server: Server, calls: ApiCalls) -> None:
    server.refusals = 1000
    with pytest.raises(Unreachable, match="no such process"):
        calls.inspect("pfcon-1")
    assert server.requests < 10
