"""The server of a bad registry: what each repository answers. See ``bad_registry``."""

import json
import re
import select
import socket
import sys
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple

from . import bad_images
from .bad_images import IMAGES, TAG, Blob

Asks = Literal["", "token", "login"]
_HALF_SECOND = 0.5
_RESOURCE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>[^/]+)")


class Fault(NamedTuple):
    """An answer that is an error; the texts are those of Docker's registry and of Docker Hub."""

    status: int
    code: str
    message: str


_LOGIN = Fault(401, "UNAUTHORIZED", "authentication required")
_FAULTS = {
    "missing": Fault(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "no-repository": Fault(404, "NAME_UNKNOWN", "repository name not known to registry"),
    "login": _LOGIN,
    "token": _LOGIN,
    "denied": Fault(403, "DENIED", "requested access to the resource is denied"),
    "busy": Fault(
        429,
        "TOOMANYREQUESTS",
        "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: "
        "https://www.docker.com/increase-rate-limit",
    ),
    "broken": Fault(500, "UNKNOWN", "unknown error"),
}
REPOSITORIES = (*IMAGES, *_FAULTS, "away")


class Request(NamedTuple):
    """status: of the answer; 0 for none. authorization: the first word of that header."""

    method: str
    path: str
    status: int
    authorization: str


@dataclass(frozen=True)
class Manners:
    """See ``BadRegistry``."""

    rate: int
    retry_after: int
    asks: Asks
    salt: str


class BadServer(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them
    request_queue_size = 128

    def __init__(self, port: int, manners: Manners) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.manners = manners
        self.log: list[Request] = []
        self.stalled: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ends = False

    @property
    def host(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.server_port}"

    def hang_up(self) -> None:
        """End all connections, so that no thread waits for a client."""
        with self._lock:
            self._ends = True
            for connection in self._open:
                _shut(connection)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
            if self._ends:
                _shut(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that leaves is none
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: BadServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def manners(self) -> Manners:
        return self.server.manners

    def do_GET(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        resource = _RESOURCE.fullmatch(address.path)
        if address.path in ("/v2", "/v2/"):
            self._ping()
        elif address.path == "/token":
            self._give_token(address.query)
        elif resource is None:
            self._fail(Fault(404, "UNSUPPORTED", "the operation is unsupported"))
        else:
            self._answer_for(resource["name"], resource["kind"], resource["reference"])

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """There is a log of its own."""

    def _ping(self) -> None:
        if self.manners.asks and not self._authorized():
            self._fail(_LOGIN, self._challenge(self.manners.asks))
        else:
            self._send(200, Blob("application/json", b"{}"))

    def _give_token(self, query: str) -> None:
        scopes = urllib.parse.parse_qs(query).get("scope", [])
        if any(re.search(r"[:/]token:", scope) for scope in scopes):
            self._fail(_LOGIN)
        else:
            self._send(200, Blob("application/json", json.dumps({"token": "given", "access_token": "given"}).encode()))

    def _answer_for(self, name: str, kind: str, reference: str) -> None:
        repository = name.rpartition("/")[2]
        if repository == "away":
            self._note(0)
            self.close_connection = True
        elif self.manners.asks and not self._authorized():
            self._fail(_LOGIN, self._challenge(self.manners.asks, name))
        elif repository not in IMAGES:
            fault = _FAULTS.get(repository, _FAULTS["no-repository"])
            headers = {"Retry-After": str(self.manners.retry_after)} if fault.status == 429 else {}
            if repository in ("login", "token"):
                headers = self._challenge(repository, name)
            self._fail(fault, headers)
        elif kind == "tags":
            self._send(200, Blob("application/json", json.dumps({"name": name, "tags": [TAG]}).encode()))
        else:
            self._send_part(repository, kind, reference)

    def _send_part(self, repository: str, kind: str, reference: str) -> None:
        held = bad_images.repository(repository, self.manners.salt)
        digest = held.top if reference == TAG and kind == "manifests" else reference
        found = (held.manifests if kind == "manifests" else held.blobs).get(digest)
        if found is None:
            code = "MANIFEST" if kind == "manifests" else "BLOB"
            self._fail(Fault(404, f"{code}_UNKNOWN", f"{code.lower()} unknown"))
            return
        self._send(200, found, {"Docker-Content-Digest": digest}, repository if digest == held.layer else "")

    def _authorized(self) -> bool:
        """Whether a client sent what it got; there is no right password."""
        return self.headers.get("Authorization") == "Bearer given" and self.manners.asks == "token"

    def _challenge(self, kind: str, name: str = "") -> dict[str, str]:
        if kind == "login":
            return {"WWW-Authenticate": 'Basic realm="bad registry"'}
        scope = f',scope="repository:{name}:pull"' if name else ""
        realm = f"http://{self.server.host}/token"
        return {"WWW-Authenticate": f'Bearer realm="{realm}",service="bad registry"{scope}'}

    def _fail(self, fault: Fault, headers: dict[str, str] | None = None) -> None:
        resource = _RESOURCE.fullmatch(self.path)
        detail = _detail(fault, resource["name"], resource["reference"]) if resource else None
        told = {"errors": [{"code": fault.code, "message": fault.message, "detail": detail}]}
        self._send(fault.status, Blob("application/json", json.dumps(told).encode()), headers)

    def _send(self, status: int, blob: Blob, headers: dict[str, str] | None = None, layer_of: str = "") -> None:
        """Answer. layer_of: the repository whose layer this is."""
        self._note(status)
        self.send_response(status)
        self.send_header("Content-Type", blob.media_type)
        self.send_header("Content-Length", str(len(blob.content)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if layer_of in ("short-layer", "stalled"):
            self.close_connection = True
            self.wfile.write(blob.content[: len(blob.content) // 2])
            if layer_of == "stalled":
                self._stall()
        elif layer_of == "slow":
            self._trickle(blob.content)
        else:
            self.wfile.write(blob.content)

    def _stall(self) -> None:
        self.server.stalled.add(self.connection)
        try:
            self.connection.recv(1)  # until the client leaves
        finally:
            self.server.stalled.discard(self.connection)

    def _trickle(self, content: bytes) -> None:
        """Send so many bytes a second, until the client leaves."""
        step = max(1, int(self.manners.rate * _HALF_SECOND))
        for start in range(0, len(content), step):
            self.wfile.write(content[start : start + step])
            if start + step < len(content) and select.select([self.connection], [], [], _HALF_SECOND)[0]:
                self.close_connection = True
                return

    def _note(self, status: int) -> None:
        word = self.headers.get("Authorization", "").partition(" ")[0]
        self.server.log.append(Request(self.command, self.path, status, word))


def _detail(fault: Fault, name: str, reference: str) -> object:
    """The detail of an error, as Docker's registry has it: programs print an error without one in another way."""
    if fault.status in (401, 403):
        return [{"Type": "repository", "Class": "", "Name": name, "Action": "pull"}]
    if fault.code == "NAME_UNKNOWN":
        return {"name": name}
    if fault.code == "MANIFEST_UNKNOWN":
        return {"Digest" if ":" in reference else "Tag": reference}
    return {"digest": reference} if fault.code == "BLOB_UNKNOWN" else None


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client has left
