"""Many clients with kept connections in one light process: prepared requests, raw sockets, epoll.

It shares the machine's cores with the server, as any client on loopback does; what it takes is told as its share.
"""

import select
import socket
import time
from dataclasses import dataclass, field

from benchmarks.client import HOST, TIMEOUT
from benchmarks.faults import Broken
from benchmarks.report import percentile


@dataclass
class Load:
    """What a number of clients got done. ``seconds`` of each request; ``cpu``: CPU seconds of the generator.

    server_cpu: those of the server, if they were measured.
    """

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0
    server_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.seconds) / self.wall

    def latencies(self) -> str:
        """The middle and the slow end, for a table."""
        return f"p50 {percentile(self.seconds, 50) * 1000:.1f} ms, p99 {percentile(self.seconds, 99) * 1000:.1f} ms"


class _Connection:
    """One client: it asks again as soon as it has its answer."""

    def __init__(self, port: int, request: bytes, expected: bytes) -> None:
        self._port, self._request, self._expected = port, request, expected
        self._answer = b""
        self.connect()

    def connect(self) -> None:
        """Begin anew."""
        self.socket = socket.create_connection((HOST, self._port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> None:
        """Send the request."""
        self._answer, self.begun = b"", time.perf_counter()
        self.socket.sendall(self._request)

    def read(self) -> bool:
        """Take what has come; whether the answer is complete. Raises Broken for a wrong or a cut-off one."""
        data = self.socket.recv(2**18)
        if not data:
            raise Broken(f"the server closed a connection after {self._answer[-200:]!r}")
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return False
        if not head.startswith(b"HTTP/1.1 200") or self._expected not in body:
            raise Broken(f"a wrong answer: {self._answer[:600]!r}")
        return True

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection after this answer."""
        return b"connection: close" in self._answer.partition(b"\r\n\r\n")[0].lower()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Broken(f"an answer without a length: {head!r}")


def drive(port: int, request: bytes, expected: bytes, clients: int, seconds: float) -> Load:
    """Ask for ``seconds`` with so many clients; every answer must be a 200 that holds ``expected``."""
    load = Load()
    connections = {}
    poll = select.epoll()
    cpu, begun = time.process_time(), time.perf_counter()
    for _ in range(clients):
        connection = _Connection(port, request, expected)
        connections[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
        connection.ask()
    while (now := time.perf_counter()) < begun + seconds:
        for number, _ in poll.poll(1.0):
            connection = connections[number]
            if not connection.read():
                continue
            load.seconds.append(time.perf_counter() - connection.begun)
            if connection.closes:
                poll.unregister(connection.socket)
                connection.socket.close()
                connection.connect()
                del connections[number]
                connections[connection.socket.fileno()] = connection
                poll.register(connection.socket, select.EPOLLIN)
            connection.ask()
    load.wall, load.cpu = now - begun, time.process_time() - cpu
    poll.close()
    for connection in connections.values():
        connection.socket.close()
    if not load.seconds:
        raise Broken(f"not one of {clients} clients got an answer in {seconds} s")
    return load
