"""Keep-alive connections to a Docker API for the most frequent requests: inspect and logs.

With the SDK, which uses requests, these take about four times as long as the engine itself needs.
"""

import socket
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Protocol

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0  # seconds without a byte
POOL_SIZE = 64  # idle connections that are kept


class Answer(Protocol):
    """An HTTP response whose body is not read yet."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Message | Mapping[str, str]:
        """The headers; names are not case-sensitive."""
        ...

    def read(self, amt: int | None = None, /) -> bytes:
        """Return the next bytes, at most ``amt``; None: all. Empty at the end."""
        ...


Asker = Callable[[str, str], AbstractContextManager[Answer]]
"""Takes a method and a path with query; returns a context with the response."""


class UnixConnection(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Open the socket. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_TIMEOUT)
        self.sock.connect(self._path)
        self.sock.settimeout(READ_TIMEOUT)


class TcpConnection(HTTPConnection):
    """HTTP over TCP with a separate timeout for connecting."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, timeout=CONNECT_TIMEOUT)

    def connect(self) -> None:
        """Open the socket. Raises OSError."""
        super().connect()
        self.sock.settimeout(READ_TIMEOUT)


class KeepAlive:
    """A pool of connections for idempotent requests without a body. Thread-safe."""

    def __init__(self, connect: Callable[[], HTTPConnection]) -> None:
        self._connect = connect
        self._idle: deque[HTTPConnection] = deque()
        weakref.finalize(self, _close_all, self._idle)

    @contextmanager
    def ask(self, method: str, path: str) -> Iterator[Answer]:
        """Send a request. A connection is not reused if its response was not read to the end.

        Raises OSError or HTTPException if there is no response.
        """
        connection, answer = self._send(method, path)
        reusable = False
        try:
            yield answer
            reusable = answer.isclosed() and not answer.will_close
        finally:
            if reusable and len(self._idle) < POOL_SIZE:
                self._idle.append(connection)
            else:
                connection.close()

    def _send(self, method: str, path: str) -> tuple[HTTPConnection, HTTPResponse]:
        while connection := self._take_idle():
            try:
                return connection, _exchange(connection, method, path)
            except TimeoutError:
                connection.close()
                raise
            except (ConnectionError, HTTPException):  # the engine has closed it since
                connection.close()
        connection = self._connect()
        try:
            return connection, _exchange(connection, method, path)
        except BaseException:  # the response may be only partly read
            connection.close()
            raise

    def _take_idle(self) -> HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _close_all(connections: deque[HTTPConnection]) -> None:
    for connection in connections:
        connection.close()


def _exchange(connection: HTTPConnection, method: str, path: str) -> HTTPResponse:
    connection.request(method, path)
    return connection.getresponse()
