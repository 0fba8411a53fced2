"""Calls to a Docker API whose answers change while it looks, against a small server."""

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

import pytest
from support.background import in_background
from support.engines import IMAGE
from support.settings import compute_settings, docker_at

from pfcon.compute.docker.engine import DockerEngine
from pfcon.compute.docker_api.client import ApiCalls
from pfcon.errors import Refused, Unreachable
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness

VERSION = {"ApiVersion": "1.41", "Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
# Podman 4.3.1, of a container that ended within the request.
ENDED = {"cause": "no such process", "message": "read /proc/15132/cgroup: no such process", "response": 500}


class Server(ThreadingHTTPServer):
    """Answers with an error ``refusals`` times, then with an object."""

    daemon_threads = True
    refusals = 0
    requests = 0
    ping: tuple[int, Mapping[str, str]] = (404, {})  # the status and headers of an answer to /_ping
    asked_for_version = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/_ping":
            return self._answer(self.server.ping[0], "", self.server.ping[1])
        if self.path.endswith("/version"):
            self.server.asked_for_version += 1
            return self._answer(200, VERSION)
        self.server.requests += 1
        if self.server.requests <= self.server.refusals:
            return self._answer(500, ENDED)
        return self._answer(200, {"Id": "1"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, found: object, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
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


# As Docker 20.10 and Podman 4.3 answer.
DOCKER_PING = {"Api-Version": "1.41", "Server": "Docker/20.10.24+dfsg1 (linux)"}
PODMAN_PING = {"Api-Version": "1.41", "Libpod-Api-Version": "4.3.1", "Server": "Libpod/4.3.1 (linux)"}


@pytest.mark.parametrize(("headers", "podman"), [(DOCKER_PING, False), (PODMAN_PING, True)])
def test_a_ping_tells_the_version_of_the_api_and_whose_it_is(
    server: Server, headers: dict[str, str], podman: bool
) -> None:
    server.ping = 200, headers
    calls = ApiCalls(docker_at(f"tcp://127.0.0.1:{server.server_port}"))
    assert (calls.api_version, calls.podman, server.asked_for_version) == ("1.41", podman, 0)


@pytest.mark.parametrize("ping", [(200, {**PODMAN_PING, "Libpod-Api-Version": "3.0.0"}), (404, {})])
def test_a_podman_that_is_too_old_is_refused_by_check_and_by_schedule(
    server: Server, storebase: StoreBase, monkeypatch: pytest.MonkeyPatch, ping: tuple[int, dict[str, str]]
) -> None:
    server.ping = ping
    monkeypatch.setitem(VERSION, "Version", "3.0.1")
    root = storebase.root
    settings = compute_settings(storebase=root, own=docker_at(f"tcp://127.0.0.1:{server.server_port}"))
    engine = DockerEngine(settings, settings.own, root)
    for call in (engine.check, lambda: engine.schedule(Harness(engine, storebase, IMAGE).spec(["true"]))):
        with pytest.raises(Refused, match=r"Podman 4 or newer is needed; tcp://127.0.0.1:\d+ is Podman 3.0"):
            call()
    assert server.requests == 0


@pytest.mark.parametrize("ping", [(403, {}), (200, {})])
def test_where_no_ping_tells_the_version_it_is_asked_for(server: Server, ping: tuple[int, dict[str, str]]) -> None:
    server.ping = ping
    calls = ApiCalls(docker_at(f"tcp://127.0.0.1:{server.server_port}"))
    assert (calls.api_version, calls.podman, server.asked_for_version) == ("1.41", True, 1)


@pytest.mark.parametrize("ping", [(200, DOCKER_PING), (403, {})])
def test_whether_an_engine_answers_is_asked_without_a_list(
    server: Server, storebase: StoreBase, ping: tuple[int, dict[str, str]]
) -> None:
    """Often, and by each process: a list takes an engine with many containers long. Some proxies block the ping."""
    server.ping = ping
    settings = compute_settings(storebase=storebase.root, own=docker_at(f"tcp://127.0.0.1:{server.server_port}"))
    engine = DockerEngine(settings, settings.own, storebase.root)
    engine.require_answer()
    assert server.requests == 0


def test_what_podman_fails_over_is_read_again(server: Server, calls: ApiCalls) -> None:
    server.refusals = 2
    assert calls.get("containers", "pfcon-1", "json") == {"Id": "1"}
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
