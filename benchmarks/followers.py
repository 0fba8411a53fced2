"""Clients that follow the logs of jobs, all in one thread: they cost next to nothing."""

import re
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from benchmarks.client import HOST
from benchmarks.faults import Broken

PATIENCE = 60.0  # seconds for the head of an answer
LOOK = 0.2  # seconds between two looks whether to end
_MOMENT = re.compile(rb"at (\d+\.\d+)\\n")


class Followers:
    """A context, in which each of the requests has a connection.

    delays: seconds from the writing of each line to its arrival. The lines are ``at <seconds since the epoch>``.
    """

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port, self._requests = port, requests
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="followers")
        self._selector = selectors.DefaultSelector()
        self.delays: list[float] = []
        self.ended = 0  # connections

    def __enter__(self) -> "Followers":
        for request in self._requests:
            connection = socket.create_connection((HOST, self._port), PATIENCE)
            connection.sendall(request)
            if not (head := connection.recv(4096)).startswith(b"HTTP/1.1 200"):
                raise Broken(f"a follower: {head[:200]!r}")
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        for key in tuple(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # all are sockets
        self._selector.close()

    def clear(self) -> None:
        """Forget the delays so far: a follower gets what is there at first."""
        self.delays.clear()

    def _read(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(LOOK):
                piece = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]  # as above
                now = time.time()
                self.delays += [now - float(moment) for moment in _MOMENT.findall(piece)]
                if not piece:
                    self._selector.unregister(key.fileobj)
                    self.ended += 1
