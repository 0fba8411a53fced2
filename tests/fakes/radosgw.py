"""A stand-in for Swift's API of Ceph's radosgw, where that differs from OpenStack Swift.

Its answers are those that radosgw 18.2.7 and 20.2.4 gave to the same requests: ``tests/engines/ceph.sh`` starts a real
one. One account, whose user and key are those of the tests; all in memory. Plain HTTP/1.1 on a free port of loopback.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.background import in_background

USER, KEY, TOKEN = "chris:chris1234", "testing", "AUTH_rgwtk"
ROOT = "/swift/v1/"
INFO = {
    "swift": {"max_file_size": 5368709120, "container_listing_limit": 10000, "max_object_name_size": 1024},
    "slo": {"max_manifest_segments": 1000},
}
MOST = 100  # names in a page when more are asked for: rgw_max_listing_results
NAME_MAX = 1024


@dataclass
class StoredObject:
    """What is stored under a name: bytes, of a static large object those of its manifest. ``segments``: its objects."""

    data: bytes
    segments: list["StoredObject"] | None = None

    @property
    def own_etag(self) -> str:
        """That of listings, and of If-Match: a manifest counts as empty."""
        return md5_of(b"" if self.segments is not None else self.data)

    @property
    def etag(self) -> str:
        """That of responses."""
        if self.segments is None:
            return self.own_etag
        return '"' + md5_of("".join(segment.own_etag for segment in self.segments).encode()) + '"'

    @property
    def content(self) -> bytes:
        """The bytes of a download."""
        return self.data if self.segments is None else b"".join(segment.data for segment in self.segments)


class Radosgw(ThreadingHTTPServer):
    """All containers of the account, and the methods and targets of all requests."""

    daemon_threads = True  # connections of clients stay open

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.containers: dict[str, dict[str, StoredObject]] = {}
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.Lock()

    @property
    def auth_url(self) -> str:
        """For auth version 1."""
        return f"http://127.0.0.1:{self.server_port}/auth/v1.0"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients may leave before they have read all."""


class _Handler(BaseHTTPRequestHandler):
    server: Radosgw
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond()

    def do_HEAD(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: other tests look at stderr."""

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.requests.append((self.command, self.path))
            if parts.path == "/auth/v1.0":
                self._log_in()
            elif parts.path == "/swift/info":
                self._answer(HTTPStatus.OK, json.dumps(INFO).encode())
            elif self.headers.get("X-Auth-Token") != TOKEN:
                self._answer(HTTPStatus.UNAUTHORIZED, b"AccessDenied")
            else:
                container, _, name = parts.path.removeprefix(ROOT).partition("/")
                self._ask(unquote(container), unquote(name), query, body)

    def _log_in(self) -> None:
        if (self.headers.get("X-Auth-User"), self.headers.get("X-Auth-Key")) != (USER, KEY):
            self._answer(HTTPStatus.UNAUTHORIZED, b"AccessDenied")
            return
        url = f"http://127.0.0.1:{self.server.server_port}{ROOT.rstrip('/')}"
        self._answer(HTTPStatus.NO_CONTENT, b"", **{"X-Storage-Url": url, "X-Auth-Token": TOKEN})

    def _ask(self, container: str, name: str, query: dict[str, str], body: bytes) -> None:
        objects = self.server.containers.get(container)
        if self.command == "PUT" and not name:
            self.server.containers.setdefault(container, {})
            self._answer(HTTPStatus.CREATED)
        elif objects is None:
            self._answer(HTTPStatus.NOT_FOUND, b"NoSuchBucket")
        elif not name:
            self._answer(HTTPStatus.OK, json.dumps(page(objects, query)).encode())
        elif self.command == "PUT":
            self._put(objects, name, query, body)
        elif name not in objects:
            self._answer(HTTPStatus.NOT_FOUND, b"NoSuchKey")
        elif self.command == "DELETE":
            del objects[name]
            self._answer(HTTPStatus.NO_CONTENT)
        else:
            self._get(objects[name], query)

    def _put(self, objects: dict[str, StoredObject], name: str, query: dict[str, str], body: bytes) -> None:
        etag = self.headers.get("ETag")
        new = StoredObject(body)
        if len(name.encode()) > NAME_MAX:
            self._answer(HTTPStatus.BAD_REQUEST, b"InvalidObjectName")
            return
        if query.get("multipart-manifest") == "put":
            rows = json.loads(body)
            found = [self._segment(row["path"]) for row in rows]
            if None in found:
                self._answer(HTTPStatus.NOT_FOUND, b"NoSuchKey")
                return
            new.segments = [segment for segment in found if segment is not None]
            if [len(segment.data) for segment in new.segments] != [row["size_bytes"] for row in rows]:
                self._answer(HTTPStatus.BAD_REQUEST, b"InvalidArgument")
                return
            refused = etag is not None  # whatever it is
        else:
            refused = etag not in (None, new.etag)
        if refused:
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, b"UnprocessableEntity", ETag=new.etag)
            return
        objects[name] = new
        self._answer(HTTPStatus.CREATED, ETag=new.etag)

    def _segment(self, path: str) -> StoredObject | None:
        container, _, name = path.lstrip("/").partition("/")
        return self.server.containers.get(container, {}).get(name)

    def _get(self, found: StoredObject, query: dict[str, str]) -> None:
        if self.headers.get("If-Match", found.own_etag).strip('"') != found.own_etag:
            self._answer(HTTPStatus.PRECONDITION_FAILED, b"PreconditionFailed")
            return
        if query.get("multipart-manifest") == "get" and found.segments is not None:
            self._answer(HTTPStatus.OK, b"", ETag=found.own_etag)
            return
        large = {} if found.segments is None else {"X-Static-Large-Object": "True"}
        bounds = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        content = found.content
        if not bounds:
            self._answer(HTTPStatus.OK, content, ETag=found.etag, **large)
            return
        first, last = int(bounds[1]), min(int(bounds[2] or len(content)), len(content) - 1)
        if first > last:
            self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"InvalidRange")
            return
        where = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        self._answer(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], ETag=found.etag, **large, **where)

    def _answer(self, status: HTTPStatus, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def page(objects: dict[str, StoredObject], query: dict[str, str]) -> list[dict[str, Any]]:
    """A page of a container's listing. It counts the common prefix that is the delimiter alone, and leaves it out."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after, before = query.get("marker", ""), query.get("end_marker", "")
    most = min(int(query["limit"]), MOST) if "limit" in query else INFO["swift"]["container_listing_limit"]
    rows: dict[str, dict[str, Any]] = {}
    for name in sorted(objects, key=str.encode):
        rest, slash, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        shown = f"{prefix}{rest}{delimiter}" if slash else name
        if not name.startswith(prefix) or shown <= after or (before and shown >= before) or shown in rows:
            continue
        if len(rows) == most:
            break
        found = objects[name]
        rows[shown] = {"subdir": shown} if slash else {"name": name, "hash": found.own_etag, "bytes": len(found.data)}
    return [row for shown, row in rows.items() if shown != delimiter]


def md5_of(data: bytes) -> str:
    """In hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@contextmanager
def radosgw() -> Iterator[Radosgw]:
    """A running one, empty."""
    with in_background(Radosgw()) as server:
        yield server
