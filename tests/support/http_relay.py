"""A relay in front of an HTTP server that counts requests, and that a test can make slow, busy or unreliable.

It passes requests and answers on unchanged, headers too (so signatures stay good and addresses lead back to it).
Plain HTTP/1.1 on loopback. Each connection has a thread; all have ended when the context has.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from types import TracebackType
from typing import NamedTuple

_PIECE = 64 << 10
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n%bConnection: close\r\n\r\n"


class Request(NamedTuple):
    """What was asked for; ``headers`` have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class _Cut:
    """Breaks the connection after so many bytes of an answer's body, so many times."""

    after: int
    times: int
    method: str
    containing: str


class _Side(NamedTuple):
    socket: socket.socket
    file: BufferedReader


class HttpRelay:
    """A context. ``requests``: all that came, those that were answered with 503 too.

    ``delay``: seconds that each request takes longer. ``on_request``: called with each request before it is passed
    on, in the thread of its connection; answers False to have it answered with 503.
    host: the address of this machine that it listens on; the server is on loopback.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = "127.0.0.1", port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._accepted: set[tuple[str, int]] = set()  # addresses of clients
        self._cuts: list[_Cut] = []
        self._spoils = 0
        self._busy_until, self._retry_after = 0.0, b""
        self.requests: list[Request] = []
        self.delay = 0.0
        self.on_request: Callable[[Request], bool | None] = lambda request: None
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def count(self, method: str = "", containing: str = "") -> int:
        """How many requests came, of a method, with a text in their path."""
        with self._lock:
            return sum(method in ("", request.method) and containing in request.path for request in self.requests)

    def earlier_threads(self) -> frozenset[threading.Thread]:
        """Those of all connections that were made before this call and are open, also of those not yet accepted then.

        Connections are accepted in their order, so one more shows that all earlier ones are.
        """
        with socket.create_connection(self._listener.getsockname(), 60) as last:
            while last.getsockname() not in self._accepted:
                time.sleep(0.01)
        with self._lock:
            return frozenset(self._threads)

    def clear(self) -> None:
        """Forget the requests."""
        with self._lock:
            self.requests.clear()

    def cut(self, after: int, times: int = 1, *, method: str = "GET", containing: str = "") -> None:
        """Break connections after so many bytes of the bodies of the next answers."""
        with self._lock:
            self._cuts.append(_Cut(after, times, method, containing))

    def spoil(self, times: int = 1) -> None:
        """Change a byte of the bodies of the next requests that have one."""
        with self._lock:
            self._spoils = times

    def busy(self, seconds: float, retry_after: int = 0) -> None:
        """Answer everything with 503 for so long; with ``Retry-After`` where it is given."""
        self._retry_after = b"Retry-After: %d\r\n" % retry_after if retry_after else b""
        self._busy_until = time.monotonic() + seconds

    def __enter__(self) -> "HttpRelay":
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shut(self._listener)
        while True:
            with self._lock:
                threads = list(self._threads)
                for connection in self._open:
                    _shut(connection)
            if not threads:
                break
            threads[0].join(0.05)
        self._listener.close()

    def _start(self, run: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                run()
            except (OSError, ValueError, EOFError):
                pass  # cut, or nobody there, or no HTTP any more
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=guarded, name="http-relay", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            client, address = self._listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(partial(self._serve, client))
            self._accepted.add(address)

    @contextlib.contextmanager
    def _side(self, connection: socket.socket) -> Iterator[_Side]:
        with self._lock:
            self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as file:
                yield _Side(connection, file)
        finally:
            with self._lock:
                self._open.discard(connection)

    def _serve(self, connection: socket.socket) -> None:
        server = None
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(self._side(connection))
            while (found := _read_head(client.file)) is not None:
                head, first, headers = found
                method, path, _ = first.split(" ", 2)
                request = Request(method, path, headers)
                with self._lock:
                    self.requests.append(request)
                if self.delay:
                    time.sleep(self.delay)
                if self.on_request(request) is False or time.monotonic() < self._busy_until:
                    connection.sendall(_BUSY % self._retry_after)
                    return
                if server is None:
                    server = stack.enter_context(self._side(socket.create_connection(self._target, 60)))
                    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server.socket.sendall(head)
                if not self._exchange(request, client, server):
                    return

    def _exchange(self, request: Request, client: _Side, server: _Side) -> bool:
        """Pass on the rest of a request, and its answer; whether the connection can be used again."""
        expects = request.headers.get("expect", "").lower() == "100-continue"
        if not expects:
            self._pass_request(request, client, server)
        while True:
            answer = _read_head(server.file)
            if answer is None:
                return False
            reply, first, headers = answer
            status = int(first.split(" ", 2)[1])
            client.socket.sendall(reply)
            if status != 100:
                break
            self._pass_request(request, client, server)
            expects = False
        left = self._cut_for(request)
        if request.method != "HEAD" and status not in (204, 304):
            _pass_body(server.file, client.socket, headers, left, until_end=True)
        return not expects and "close" not in (headers.get("connection", ""), request.headers.get("connection", ""))

    def _pass_request(self, request: Request, client: _Side, server: _Side) -> None:
        headers, size = request.headers, int(request.headers.get("content-length", 0))
        with self._lock:
            spoil = size > 0 and self._spoils > 0
            self._spoils -= spoil
        if spoil:
            server.socket.sendall(bytes(byte ^ 1 for byte in client.file.read(1)))
            headers = {"content-length": str(size - 1)}
        _pass_body(client.file, server.socket, headers)

    def _cut_for(self, request: Request) -> int | None:
        with self._lock:
            for cut in self._cuts:
                if cut.times and request.method == cut.method and cut.containing in request.path:
                    cut.times -= 1
                    return cut.after
        return None


def _read_head(file: BufferedReader) -> tuple[bytes, str, dict[str, str]] | None:
    """The bytes of a head, its first line, and its headers; None at the end of the stream."""
    lines = []
    while (line := file.readline(_PIECE)) not in (b"\r\n", b"\n"):
        if not line:
            return None
        lines.append(line)
    pairs = [text.decode("latin-1").partition(":") for text in lines[1:]]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return b"".join(lines) + line, lines[0].decode("latin-1").strip(), headers


def _pass_body(
    source: BufferedReader,
    target: socket.socket,
    headers: dict[str, str],
    left: int | None = None,
    *,
    until_end: bool = False,
) -> None:
    """Pass a body on; raises EOFError after ``left`` bytes of it, or when it ends early."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        size = -1
        while size:
            line = source.readline(_PIECE)
            size = int(line.split(b";")[0], 16)
            target.sendall(line)
            left = _pass_bytes(source, target, size, left)
            target.sendall(source.readline(_PIECE))  # no trailers: nobody sends any
    elif "content-length" in headers:
        _pass_bytes(source, target, int(headers["content-length"]), left)
    elif until_end:
        while piece := source.read1(_PIECE):
            target.sendall(piece)
        raise EOFError


def _pass_bytes(source: BufferedReader, target: socket.socket, size: int, left: int | None) -> int | None:
    while size:
        piece: bytes = source.read1(min(size, _PIECE))
        if not piece:
            raise EOFError
        if left is not None:
            piece = piece[:left]
            left -= len(piece)
        target.sendall(piece)
        size -= len(piece)
        if left == 0:
            raise EOFError
    return left


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        connection.shutdown(socket.SHUT_RDWR)
