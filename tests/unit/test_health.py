"""``pfcon health`` and ``pfcon ready``, which a container's health check runs."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from support.background import in_background

from pfcon.__main__ import main
from pfcon.errors import Unreachable
from pfcon.health import PATH, READY_PATH, ask

ROOT = Path(__file__).parents[2]


@contextmanager
def service(status: int, body: bytes) -> Iterator[int]:
    """Something that answers every request so; gives its port on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path in (PATH, READY_PATH) else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with in_background(HTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield server.server_address[1]


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_a_service_that_listens_everywhere_is_asked_on_loopback(host: str) -> None:
    with service(200, b'{"health": "OK"}') as port:
        assert ask((host, port)) == f"pfcon answers at 127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b'{"health": "poor"}', "is not healthy: 200"),
        (503, b'{"health": "OK"}', "is not healthy: 503"),
        (200, b"<html>", "does not answer"),
    ],
)
def test_whoever_does_not_say_so_is_not_well(status: int, body: bytes, told: str) -> None:
    with service(status, body) as port, pytest.raises(Unreachable, match=told):
        ask(("127.0.0.1", port))


def test_an_ipv6_address_is_told_in_brackets() -> None:
    with pytest.raises(Unreachable, match=r"\[::1\]:1: "):
        ask(("::", 1))


def test_the_exit_status_tells(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In the shell of an administrator, which has none of the service's secrets, and in that of a client."""
    monkeypatch.setenv("PFCON_USER", "anna")
    with service(200, b'{"health": "OK"}') as port:
        monkeypatch.setenv("PFCON_BIND", f"127.0.0.1:{port}")
        assert main(["health"]) == 0
    assert main(["health"]) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    "case",
    [
        (200, {"records": {"ok": True, "ms": 3, "message": "the database answers"}}, 0, "ok      records: "),
        (
            503,
            {"engine": {"ok": False, "ms": 9, "message": "docker is away"}},
            1,
            "FAILED  engine: docker is away (9 ms)",
        ),
        (503, {"message": "a proxy is in between"}, 1, "has no state of its parts: 503"),
        (404, {}, 1, "has no state of its parts: 404"),
    ],
)
def test_each_part_has_a_line_and_the_exit_status_tells(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: tuple[int, dict[str, object], int, str],
) -> None:
    status, parts, exit_status, told = case
    with service(status, json.dumps(parts).encode()) as port:
        monkeypatch.setenv("PFCON_BIND", f"127.0.0.1:{port}")
        assert main(["ready"]) == exit_status
    shown = capsys.readouterr()
    assert told in shown.out + shown.err


@pytest.mark.parametrize("command", ["health", "ready"])
def test_an_address_that_can_not_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("PFCON_BIND", "here")
    assert main([command]) == 2
    assert "PFCON_BIND" in capsys.readouterr().err


def test_an_audit_file_that_is_away_does_not_make_it_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service goes on without the file, so its health check does, too; and it makes no file."""
    monkeypatch.setenv("APPLICATION_MODE", "development")
    monkeypatch.setenv("CONTAINER_ENV", "process")
    monkeypatch.setenv("PFCON_AUDIT_FILE", "/missing/audit.log")
    with service(200, b'{"health": "OK"}') as port:
        monkeypatch.setenv("PFCON_BIND", f"127.0.0.1:{port}")
        assert main(["health"]) == 0


def test_what_restarts_or_reroutes_asks_only_what_that_can_mend() -> None:
    """An engine that is away must not end the service, nor take it away from its clients."""
    [check] = re.findall(r"^HEALTHCHECK .* CMD (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert json.loads(check) == ["pfcon", "health"]
    assert not [path for path in (ROOT / "swarm").glob("*.yml") if "healthcheck" in path.read_text()]
    deployment = yaml.safe_load((ROOT / "kubernetes/base/deployment.yaml").read_text())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"startup": PATH, "readiness": f"{READY_PATH}traffic/", "liveness": PATH}
