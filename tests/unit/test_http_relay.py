"""The relay that tests of object stores look through: it counts and passes on, and breaks what it is told to."""

import contextlib
import http.client
import http.server
import threading
import time
from collections.abc import Iterator

import pytest
from support.background import in_background
from support.http_relay import HttpRelay

from pfcon.testing.waiting import eventually

BODY = bytes(range(256)) * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        else:
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

    def do_PUT(self) -> None:
        received = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(received)))
        self.end_headers()
        self.wfile.write(received)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # connections are cut; other tests look at stderr


@pytest.fixture
def relay() -> Iterator[HttpRelay]:
    with in_background(Server(("127.0.0.1", 0), Handler)) as server, HttpRelay(server.server_address[1]) as found:
        yield found


@contextlib.contextmanager
def connected(relay: HttpRelay) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def get(connection: http.client.HTTPConnection, path: str = "/x") -> tuple[int, bytes]:
    connection.request("GET", path)
    with connection.getresponse() as answer:
        return answer.status, answer.read()


def test_it_passes_on_and_counts_on_one_connection(relay: HttpRelay) -> None:
    with connected(relay) as connection:
        assert get(connection) == get(connection, "/chunked") == (200, BODY)
        for headers in ({}, {"Expect": "100-continue"}):
            connection.request("PUT", "/y", BODY, headers)
            with connection.getresponse() as answer:
                assert answer.read() == BODY
    assert (relay.count(), relay.count("GET"), relay.count("PUT", "y"), relay.count("GET", "y")) == (4, 2, 2, 0)
    relay.clear()
    assert relay.count() == 0


@pytest.mark.parametrize("path", ["/x", "/chunked"])
def test_it_cuts_answers_as_often_as_it_was_told(relay: HttpRelay, path: str) -> None:
    relay.cut(1000, containing=path)
    with connected(relay) as connection, pytest.raises(http.client.IncompleteRead) as caught:
        get(connection, path)
    if path == "/x":
        assert caught.value.partial == BODY[:1000]
    with connected(relay) as connection:
        assert get(connection, path) == (200, BODY)


def test_it_is_busy_slow_or_asked_first(relay: HttpRelay) -> None:
    relay.busy(60, retry_after=3)
    with connected(relay) as connection:
        connection.request("GET", "/x")
        with connection.getresponse() as answer:
            assert (answer.status, answer.getheader("Retry-After")) == (503, "3")
    relay.busy(0)
    relay.delay = 0.05
    asked = []
    relay.on_request = lambda request: asked.append(request.path)
    before = time.monotonic()
    with connected(relay) as connection:
        assert get(connection)[0] == 200
    assert time.monotonic() - before >= 0.05
    relay.on_request = lambda request: False
    with connected(relay) as connection:
        assert get(connection)[0] == 503
    assert asked == ["/x"]


def test_it_leaves_no_thread(relay: HttpRelay) -> None:
    before = set(threading.enumerate())
    with HttpRelay(relay.port) as second, connected(second) as connection:
        get(connection)
        assert set(threading.enumerate()) - before
    with connected(relay):
        pass
    assert eventually(
        lambda: not any(each.name == "http-relay" for each in threading.enumerate() if each not in relay._threads)
    )
