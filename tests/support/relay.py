"""A relay in front of an engine's socket that a test can cut and restore."""

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from .readable import readable


class AnyRelay(ABC):
    """A context that passes connections on to a ``unix://`` or ``tcp://`` address until cut.

    Each connection has a thread; all have ended after a cut.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect to."""

    @abstractmethod
    def listen(self) -> socket.socket:
        """A socket that listens where ``url`` says, also after a cut."""

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Copy both ways until both sides have said their last."""
        other = {client: server, server: client}
        speaking = {client, server}
        while speaking:
            for source in readable(speaking):
                if piece := source.recv(65536):
                    other[source].sendall(piece)
                else:
                    other[source].shutdown(socket.SHUT_WR)
                    speaking.discard(source)

    def __enter__(self) -> Self:
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def restore(self) -> None:
        """Accept connections."""
        listener = self._listener = self.listen()
        self._run(lambda: self._accept(listener))

    def cut(self) -> None:
        """Refuse new connections and break those that are open."""
        if self._listener is not None:
            _shut(self._listener)
            self._listener = None
        while self._threads:
            for connection in list(self._open):  # again and again: one may have been on its way
                _shut(connection)
            self._threads[0].join(0.01)
            if not self._threads[0].is_alive():
                self._threads.pop(0)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                self._run(partial(self._serve, client))

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self._opened(client):  # cut, or nobody there
            server = self._connect()
            with self._opened(server):
                self.pass_on(client, server)

    @contextlib.contextmanager
    def _opened(self, connection: socket.socket) -> Iterator[None]:
        self._open.add(connection)
        try:
            with connection:
                yield
        finally:
            self._open.discard(connection)

    def _connect(self) -> socket.socket:
        if self._target.startswith("unix://"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target.removeprefix("unix://"))
            return server
        host, _, port = self._target.removeprefix("tcp://").rpartition(":")
        return socket.create_connection((host, int(port)))


class Relay(AnyRelay):
    """At the path of a Unix socket."""

    def __init__(self, target: str, path: Path) -> None:
        super().__init__(target)
        self._path = path

    @property
    def url(self) -> str:
        """Where clients connect to, as DOCKER_HOST says it."""
        return f"unix://{self._path}"

    def listen(self) -> socket.socket:
        """A socket at the path, in place of an earlier one."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        listener.listen(64)
        return listener

    def cut(self) -> None:
        """Also remove the socket."""
        self._path.unlink(missing_ok=True)
        super().cut()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        connection.shutdown(socket.SHUT_RDWR)
