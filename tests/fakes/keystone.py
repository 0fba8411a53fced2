"""A Keystone with one user: its tokens are those of a real Swift, whose storage URL is in its catalog.

Identity API v3 "Password authentication with scoped authorization", v2.0 "Authenticate": what python clients send.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import swiftclient
from support.background import in_background

USER, PASSWORD, PROJECT, DOMAIN = "cube", "a-keystone-password", "chris", "hospital"
REGIONS = ("boston", "elsewhere")
EXPIRES = "2099-01-01T00:00:00.000000Z"


class Keystone(ThreadingHTTPServer):
    """``logins`` counts requests for tokens."""

    daemon_threads = False

    def __init__(self, swift_auth_url: str, user: str, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.account = swift_auth_url, user, key
        self.logins = 0

    @property
    def url(self) -> str:
        """Without a version."""
        return f"http://127.0.0.1:{self.server_port}"

    def login(self) -> tuple[str, str]:
        """Storage URL and token."""
        self.logins += 1
        url, user, key = self.account
        found: tuple[str, str] = swiftclient.client.get_auth(url, user, key, auth_version="1", timeout=30)
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Keystone

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["auth"]
        if self.path == "/v3/auth/tokens":
            self._v3(request)
        elif self.path == "/v2.0/tokens":
            self._v2(request)
        else:
            self._answer(404, {"error": {"message": "not found", "code": 404}})

    def _v3(self, request: dict[str, Any]) -> None:
        domain = {"name": DOMAIN}
        wanted = {"name": USER, "password": PASSWORD, "domain": domain}
        if request["identity"]["password"]["user"] != wanted:
            self._unauthorized()
            return
        assert request["scope"]["project"] == {"name": PROJECT, "domain": domain}
        url, token = self.server.login()
        endpoints = [
            {"interface": "public", "region": region, "region_id": region, "url": url if region == REGIONS[0] else "x:"}
            for region in REGIONS
        ]
        catalog = [{"type": "object-store", "name": "swift", "endpoints": endpoints}]
        told = {"expires_at": EXPIRES, "issued_at": EXPIRES, "methods": ["password"], "catalog": catalog, "user": {}}
        self._answer(201, {"token": told}, {"X-Subject-Token": token})

    def _v2(self, request: dict[str, Any]) -> None:
        if request["passwordCredentials"] != {"username": USER, "password": PASSWORD}:
            self._unauthorized()
            return
        assert request["tenantName"] == PROJECT
        url, token = self.server.login()
        endpoints = [{"region": REGIONS[0], "publicURL": url}]
        catalog = [{"type": "object-store", "name": "swift", "endpoints": endpoints}]
        told = {"token": {"id": token, "expires": EXPIRES}, "serviceCatalog": catalog, "user": {"id": "1", "roles": []}}
        self._answer(200, {"access": told})

    def _unauthorized(self) -> None:
        self._answer(401, {"error": {"message": "The request you have made requires authentication.", "code": 401}})

    def _answer(self, status: int, told: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: other tests look at stderr."""


@contextmanager
def keystone(swift_auth_url: str, user: str, key: str) -> Iterator[Keystone]:
    """A running Keystone in front of a Swift."""
    with in_background(Keystone(swift_auth_url, user, key)) as server:
        yield server
