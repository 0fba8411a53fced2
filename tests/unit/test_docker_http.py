"""Keep-alive connections, against a small server on a unix socket."""

import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from support.background import in_background

from pfcon.compute.docker_api.http import KeepAlive, TcpConnection, UnixConnection


class Server(socketserver.ThreadingUnixStreamServer):
    """Counts connections and requests. ``hangs_up``: every connection serves one request without saying so."""

    daemon_threads = True
    request_queue_size = 64  # where it is full, connecting to a unix socket fails at once
    hangs_up = False

    def __init__(self, path: str) -> None:
        super().__init__(path, Handler)
        self.connections = 0
        self.requests = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests += 1
        body = self.path.encode() * 1000
        self.send_response(404 if "absent" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        if self.server.hangs_up:
            self.close_connection = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with in_background(Server(os.path.relpath(tmp_path / "s"))) as server:
        yield server


@pytest.fixture
def pool(server: Server) -> KeepAlive:
    return KeepAlive(lambda: UnixConnection(str(server.server_address)))


def fetch(pool: KeepAlive, path: str, method: str = "GET") -> tuple[int, bytes]:
    with pool.ask(method, path) as answer:
        return answer.status, answer.read()


def test_one_connection_serves_requests_one_after_the_other(server: Server, pool: KeepAlive) -> None:
    assert fetch(pool, "/a") == (200, b"/a" * 1000)
    assert fetch(pool, "/absent") == (404, b"/absent" * 1000)
    assert fetch(pool, "/h", "HEAD") == (200, b"")
    assert fetch(pool, "/b") == (200, b"/b" * 1000)
    assert (server.connections, server.requests) == (1, 4)


def test_an_answer_that_is_not_read_to_its_end_costs_its_connection(server: Server, pool: KeepAlive) -> None:
    with pool.ask("GET", "/first") as answer:
        assert answer.read(10) == b"/first/fir"
    assert fetch(pool, "/second") == (200, b"/second" * 1000)
    assert server.connections == 2


def test_a_fault_of_the_reader_costs_its_connection(server: Server, pool: KeepAlive) -> None:
    with pytest.raises(KeyError), pool.ask("GET", "/first"):
        raise KeyError
    assert fetch(pool, "/second") == (200, b"/second" * 1000)


def test_connections_that_the_engine_closed_meanwhile_are_replaced(server: Server, pool: KeepAlive) -> None:
    server.hangs_up = True
    for _ in range(3):
        assert fetch(pool, "/x")[0] == 200
    assert (server.connections, server.requests) == (3, 3)


def test_many_threads_share_the_pool(server: Server, pool: KeepAlive) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(20):
            path = f"/{number}-{turn}"
            if fetch(pool, path) != (200, path.encode() * 1000):
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert server.requests == 160
    assert server.connections <= 8


def test_tcp_is_spoken_as_well() -> None:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.connections, server.requests, server.hangs_up = True, 0, 0, False
    with in_background(server):
        pool = KeepAlive(lambda: TcpConnection("127.0.0.1", server.server_address[1]))
        assert [fetch(pool, "/a"), fetch(pool, "/b")] == [(200, b"/a" * 1000), (200, b"/b" * 1000)]
        assert server.connections == 1


@pytest.mark.parametrize("make", [lambda path: path / "nobody", lambda path: path])
def test_a_socket_where_nobody_listens_is_an_error(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    pool = KeepAlive(lambda: UnixConnection(str(make(tmp_path))))
    with pytest.raises(OSError, match=r"No such file|refused"):
        fetch(pool, "/x")
