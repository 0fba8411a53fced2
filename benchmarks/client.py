"""A client that costs next to nothing, because it shares its machine's cores with the server it measures."""

import http.client
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.faults import Broken

HOST = "127.0.0.1"
TIMEOUT = 600.0  # seconds without a byte
PIECE = 2**20  # bytes
LIMITS = {"number_of_workers": "1", "cpu_limit": "1000", "memory_limit": "300", "gpu_limit": "0"}

Send = Callable[[socket.socket, BinaryIO], None]


@dataclass(frozen=True)
class Job:
    """What a POST asks for; ``argv`` is entrypoint and args. cpu: in millicores. memory: in MiB."""

    jid: str
    argv: tuple[str, ...]
    image: str = "local/pfcon-test:1"
    type: str = "ds"
    cpu: str = LIMITS["cpu_limit"]
    memory: str = LIMITS["memory_limit"]

    def fields(self) -> list[tuple[str, str]]:
        """The form."""
        limits = {**LIMITS, "cpu_limit": self.cpu, "memory_limit": self.memory}
        fields = {"jid": self.jid, "image": self.image, "type": self.type, "auid": "chris", **limits}
        return [*fields.items(), ("entrypoint", self.argv[0]), *(("args", arg) for arg in self.argv[1:])]


@dataclass(frozen=True)
class Submitted:
    """The answer to a POST, and the seconds from the connection's start to the answer's end."""

    seconds: float
    data: dict[str, Any]


@dataclass(frozen=True)
class Downloaded:
    """Seconds from the connection's start to the first byte of the body, and to its end; bytes on the wire."""

    first_byte: float
    seconds: float
    nbytes: int


def send_whole(connection: socket.socket, file: BinaryIO) -> None:
    """As fast as it goes: sendfile(2)."""
    connection.sendfile(file)


def send_slowly(rate: int, after: float = 0.0) -> Send:
    """A sender that keeps to some bytes per second, in ten pieces a second, and begins after some seconds."""

    def send(connection: socket.socket, file: BinaryIO) -> None:
        time.sleep(after)
        begun, sent = time.monotonic(), 0
        while piece := file.read(rate // 10):
            connection.sendall(piece)
            sent += len(piece)
            time.sleep(max(0.0, begun + sent / rate - time.monotonic()))

    return send


class Client:
    """A logged-in user. Safe to use from several threads: every call has a connection of its own."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._port = port
        self._authorization = ""
        credentials = json.dumps({"pfcon_user": user, "pfcon_password": password}).encode()
        answer = self.call("POST", "auth-token/", credentials, {"Content-Type": "application/json"})
        self._authorization = f"Bearer {json.loads(answer)['token']}"

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        """A short request; the answer's body. path: below the API, or from "/" on. Raises Broken from status 300 on."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=TIMEOUT)
        try:
            sent = {
                **(headers or {}),
                **({"Authorization": self._authorization} if self._authorization else {}),
            }
            connection.request(method, path if path.startswith("/") else f"/api/v1/{path}", body, sent)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Broken(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text

    def request(self, path: str) -> bytes:
        """A GET request for a connection that is kept."""
        return self._head("GET", path, "").encode()

    def lone_request(self, path: str) -> bytes:
        """A GET request for a connection of its own."""
        return self._head("GET", path, "Connection: close\r\n").encode()

    def begun_post(self, path: str, kind: str, length: int) -> bytes:
        """The head of a POST whose body is still to come."""
        return self._head("POST", path, f"Content-Type: {kind}\r\nContent-Length: {length}\r\n").encode()

    def _head(self, method: str, path: str, rest: str) -> str:
        return f"{method} /api/v1/{path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {self._authorization}\r\n{rest}\r\n"

    def submit(self, job: Job, zip_path: Path, send: Send = send_whole) -> Submitted:
        """POST a job with its zip. Raises Broken when that is answered with anything but 201."""
        boundary = uuid.uuid4().hex
        before, after = _multipart(boundary, job.fields())
        size = len(before) + zip_path.stat().st_size + len(after)
        kind = f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        head = self._head("POST", "jobs/", f"{kind}Content-Length: {size}\r\nConnection: close\r\n")
        begun = time.perf_counter()
        with socket.create_connection((HOST, self._port), TIMEOUT) as connection, zip_path.open("rb") as file:
            try:
                connection.sendall(head.encode() + before)
                send(connection, file)
                connection.sendall(after)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has answered before the end: its answer tells why
            answer = b"".join(_pieces(connection))
        seconds = time.perf_counter() - begun
        status, _, body = answer.partition(b"\r\n\r\n")
        if not status.startswith(b"HTTP/1.1 201"):
            raise Broken(f"POST {job.jid}: {answer[:600]!r}")
        return Submitted(seconds, json.loads(body))

    def status(self, jid: str, kind: str = "") -> dict[str, str]:
        """The ``compute`` object of a job of some kind; that of ``jobs/`` has none."""
        compute: dict[str, str] = json.loads(self.call("GET", f"{kind}jobs/{jid}/"))["compute"]
        return compute

    def wait(self, jid: str, until: Iterable[str] = ("finishedSuccessfully",)) -> None:
        """Poll until the job's status is one of those. Raises Broken when it ends in another."""
        while (compute := self.status(jid))["status"] not in until:
            if compute["status"] not in ("notStarted", "started"):
                raise Broken(f"job {jid}: {compute}")
            time.sleep(0.05)

    def delete(self, jid: str) -> None:
        """Remove a job."""
        self.call("DELETE", f"jobs/{jid}/")

    def download(self, jid: str) -> Downloaded:
        """GET a job's outputs and drop them, as ``fetch`` does."""
        return self.fetch(f"jobs/{jid}/file/")

    def fetch(self, path: str) -> Downloaded:
        """GET a body and drop it. Raises Broken when the answer is no complete chunked body."""
        head = self._head("GET", path, "Connection: close\r\n").encode()
        begun = time.perf_counter()
        with socket.create_connection((HOST, self._port), TIMEOUT) as connection:
            connection.sendall(head)
            start = b""
            while b"\r\n" not in start.partition(b"\r\n\r\n")[2][:-1]:  # the first chunk's size, and a byte of it
                if not (data := connection.recv(PIECE)):
                    raise Broken(f"GET {path}: {start[:600]!r}")
                start += data
            first = time.perf_counter() - begun
            total, end = _drain(connection, start)
        seconds = time.perf_counter() - begun
        if not start.startswith(b"HTTP/1.1 200") or end != b"\r\n0\r\n\r\n":
            raise Broken(f"GET {path}: cut off after {total} bytes, or not chunked: {start[:300]!r}")
        return Downloaded(first, seconds, total)

    def save(self, jid: str, path: Path) -> None:
        """GET a job's outputs into a file."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", f"/api/v1/jobs/{jid}/file/", headers={"Authorization": self._authorization})
            answer = connection.getresponse()
            if answer.status != 200:
                raise Broken(f"GET {jid}: {answer.status}")
            with path.open("wb") as file:
                while piece := answer.read(PIECE):
                    file.write(piece)
        except http.client.HTTPException as fault:
            raise Broken(f"GET {jid}: {fault!r}") from fault
        finally:
            connection.close()


def _multipart(boundary: str, fields: list[tuple[str, str]]) -> tuple[bytes, bytes]:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    upload = 'Content-Disposition: form-data; name="data_file"; filename="data.zip"\r\nContent-Type: application/zip'
    return f"{''.join(parts)}--{boundary}\r\n{upload}\r\n\r\n".encode(), f"\r\n--{boundary}--\r\n".encode()


def _pieces(connection: socket.socket) -> Iterable[bytes]:
    while piece := connection.recv(PIECE):
        yield piece


def _drain(connection: socket.socket, start: bytes) -> tuple[int, bytes]:
    """Read to the end; how many bytes came with ``start``, and the last seven of them."""
    buffer = bytearray(PIECE)
    total, end = len(start), start[-7:]
    while count := connection.recv_into(buffer):
        total += count
        end = (end + bytes(buffer[max(0, count - 7) : count]))[-7:]
    return total, end
