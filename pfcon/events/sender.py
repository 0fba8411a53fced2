"""Sends events to the endpoint of the webhook, each within TIMEOUT altogether.

The timeouts of requests are for each read of a socket: an endpoint that sends a byte now and then would hold a request
for good. So a timer shuts down the socket.
"""

import contextlib
import json
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from pfcon import __version__
from pfcon.events.form import event_json
from pfcon.events.signature import sign
from pfcon.network import explain
from pfcon.records.events import Event

CONNECT_TIMEOUT = 5.0  # seconds, for each address of the endpoint
TIMEOUT = 10.0  # seconds for a request, from its beginning to the status of its response
MAX_BODY = 1 << 16  # bytes of a response that are read, so that the connection can be used again
LATE = "no answer in time"


class NotAccepted(Exception):
    """The endpoint has not accepted an event.

    is_down: whether that is likely to happen to other events too: no response in time, or a status of the server.
    """

    def __init__(self, reason: str, *, is_down: bool) -> None:
        super().__init__(reason)
        self.is_down = is_down


class Sender:
    """A context in which events are sent, over as few connections as possible. Not thread-safe."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret
        self._session: requests.Session | None = None
        self._sockets = _Sockets()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._session.close()
        self._sockets.close()

    def send(self, event: Event) -> None:
        """Send an event. Raises NotAccepted unless the response has a status of 2xx."""
        status = self._status_of(event)
        if not 200 <= status < 300:
            raise NotAccepted(f"status {status}", is_down=status >= 500 or status == requests.codes.too_many_requests)

    def _status_of(self, event: Event) -> int:
        body = json.dumps(event_json(event)).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"pfcon/{__version__}",
            "X-Pfcon-Event-Id": str(event.id),
            "X-Pfcon-Timestamp": timestamp,
            "X-Pfcon-Signature": sign(self._secret, timestamp, body),
        }
        self._session = self._session or self._new_session()
        with self._sockets.limited(TIMEOUT):
            try:
                response = self._session.post(
                    *(self._url, body),
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT, TIMEOUT),
                    allow_redirects=False,
                    stream=True,
                )
            except requests.RequestException as fault:
                reason = LATE if self._sockets.expired else explain(fault).reason
                raise NotAccepted(reason, is_down=True) from fault
            with response:
                if self._sockets.expired:  # in the middle of the headers, which are not complete
                    raise NotAccepted(LATE, is_down=True)
                with contextlib.suppress(HTTPError, OSError):  # the status is what counts
                    response.raw.read(MAX_BODY)
        return response.status_code

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.auth = _unchanged  # else requests would add what .netrc has for the host
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self._sockets))
        return session


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Sockets:
    """The sockets of all connections. They are duplicates: TLS detaches the original during its handshake."""

    def __init__(self) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._all: list[socket.socket] = []

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Any:
        """A context in which reads and writes fail once some seconds have passed."""
        self.expired = False
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def add(self, opened: socket.socket) -> None:
        with self._lock:
            self._all.append(opened.dup())
            if self.expired:  # while it was being connected
                _shut_down(self._all[-1])

    def close(self) -> None:
        for one in self._all:
            one.close()
        self._all.clear()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for one in self._all:
                _shut_down(one)


def _shut_down(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        opened.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Adds the sockets of all connections that it opens, also to a proxy, to ``sockets``."""

    def __init__(self, sockets: _Sockets) -> None:
        super().__init__()
        self._sockets = sockets

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = _adding(pool.ConnectionCls, self._sockets)
        return pool


def _adding(connection_class: Any, sockets: _Sockets) -> Any:
    """Return a subclass of a connection of urllib3."""

    def new_socket(connection: Any) -> socket.socket:
        opened: socket.socket = connection_class._new_conn(connection)
        sockets.add(opened)
        return opened

    return type(connection_class.__name__, (connection_class,), {"_new_conn": new_socket})
