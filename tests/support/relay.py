"""A relay in front of an engine's socket that a test can cut and restore."""

import contextlib
import select
import socket
import threading
import time
from pathlib import Path
from types import TracebackType


class Relay:
    """Passes connections on to a ``unix://`` or ``tcp://`` address until cut."""

    def __init__(self, target: str, path: Path) -> None:
        self._target = target
        self._path = path
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where clients connect to, as DOCKER_HOST says it."""
        return f"unix://{self._path}"

    def __enter__(self) -> "Relay":
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def restore(self) -> None:
        """Accept connections."""
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Refuse new connections and break those that are open."""
        if self._listener is not None:
            self._path.unlink(missing_ok=True)
            _shut(self._listener)
            self._listener = None
        for connection in list(self._open):
            _shut(connection)
        while self._open:
            time.sleep(0.005)  # their threads close them

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, self._connect() as server:
                self._open.add(server)
                try:
                    _pass_on(client, server)
                finally:
                    self._open.discard(server)
        except OSError:
            return  # cut, or nobody there
        finally:
            self._open.discard(client)

    def _connect(self) -> socket.socket:
        if self._target.startswith("unix://"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target.removeprefix("unix://"))
            return server
        host, _, port = self._target.removeprefix("tcp://").rpartition(":")
        return socket.create_connection((host, int(port)))


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until both sides have said their last."""
    other = {client: server, server: client}
    speaking = {client, server}
    while speaking:
        for source in select.select(list(speaking), [], [])[0]:
            if piece := source.recv(65536):
                other[source].sendall(piece)
            else:
                other[source].shutdown(socket.SHUT_WR)
                speaking.discard(source)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        connection.shutdown(socket.SHUT_RDWR)
