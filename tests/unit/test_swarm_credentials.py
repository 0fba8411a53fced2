"""The nodes of a Swarm get the credentials that the Docker client's configuration has for the registry of an image."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.background import in_background
from support.settings import docker_at

from pfcon.compute.swarm.client import SwarmCalls
from pfcon.compute.swarm.spec import ended_spec, service_spec
from pfcon.models import JobId, JobKind, JobSpec

REGISTRY = "registry.example.org:5000"
VERSION = {"ApiVersion": "1.41", "Version": "20.10.0", "Components": [{"Name": "Engine"}]}


class Manager(BaseHTTPRequestHandler):
    """Accepts services, and notes the credentials that come with them."""

    protocol_version = "HTTP/1.1"
    given: list[Any]

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(VERSION)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        header = self.headers.get("X-Registry-Auth")
        self.given.append(json.loads(base64.urlsafe_b64decode(header)) if header else None)
        self._answer({"ID": "1"})

    def _answer(self, found: object) -> None:
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def given() -> list[Any]:
    """The credentials of each request, None without any."""
    return []


@pytest.fixture
def url(given: list[Any]) -> Iterator[str]:
    handler = type("Noting", (Manager,), {"given": given})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with in_background(server):
        yield f"tcp://127.0.0.1:{server.server_port}"


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``docker login`` writes it."""
    auth = base64.b64encode(b"chris:hush").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def service_of(image: str) -> dict[str, Any]:
    spec = JobSpec("j1", JobId("j1"), JobKind.PLUGIN, image, ("true",))
    return service_spec(spec, PurePosixPath("/srv/store"), stop_grace=10)


@pytest.mark.usefixtures("configuration")
def test_a_service_is_created_with_the_credentials_of_its_registry(url: str, given: list[Any]) -> None:
    calls = SwarmCalls(docker_at(url))
    calls.create(service_of(f"{REGISTRY}/pl-x:1"))
    calls.create(service_of("registry.example.com/pl-x:1"))
    assert [(one or {}).get("password") for one in given] == ["hush", None]
    assert given[0]["username"] == "chris"


@pytest.mark.usefixtures("configuration")
def test_a_service_that_is_ended_keeps_them(url: str, given: list[Any]) -> None:
    service = service_of(f"{REGISTRY}/pl-x:1")
    SwarmCalls(docker_at(url)).update({"ID": "1", "Version": {"Index": 7}}, ended_spec(service, "cancelled"))
    assert [one["password"] for one in given] == ["hush"]
