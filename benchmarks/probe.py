"""Asks for ``health/``, or something else, all the time, from a process of its own, while something else goes on."""

import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType

from benchmarks.apart import CONTEXT
from benchmarks.client import HOST
from benchmarks.faults import Broken

INTERVAL = 0.02  # seconds between two questions
PATIENCE = 60.0  # seconds for an answer
AT_ONCE = 64
REQUEST = f"GET /api/v1/health/ HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()


class HealthProbe:
    """A context; ``seconds`` of each answer afterwards. A slow answer does not keep the next question back."""

    def __init__(self, port: int, request: bytes = REQUEST) -> None:
        self._parent, child = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_ask_all_the_time, args=(port, child, request), daemon=True)
        self.seconds: list[float] = []

    def __enter__(self) -> "HealthProbe":
        self._process.start()
        self._parent.recv()  # it has begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.send("stop")
        answers = self._parent.recv()
        self._process.join()
        if isinstance(answers, str):
            raise Broken(f"a question was not answered: {answers}")
        self.seconds = answers


def _ask_all_the_time(port: int, parent: Connection, request: bytes) -> None:
    asked: list[Future[float]] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ask_once(port, request=request)
        parent.send("begun")
        begun = time.perf_counter()
        while not parent.poll(max(0.0, begun + len(asked) * INTERVAL - time.perf_counter())):
            asked.append(pool.submit(ask_once, port, time.perf_counter(), request))
        try:
            parent.send([answer.result() for answer in asked])
        except (OSError, Broken) as fault:
            parent.send(repr(fault))


def ask_once(port: int, begun: float | None = None, request: bytes = REQUEST) -> float:
    """Seconds from ``begun``, or now, until a request was answered with 200 on a connection of its own."""
    begun = time.perf_counter() if begun is None else begun
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Broken(f"a probe: {answer[:200]!r}")
    return time.perf_counter() - begun
