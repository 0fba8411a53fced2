"""The relay of relay.py at a port of loopback, for what is reached over TCP."""

import socket
import threading
from pathlib import Path

from .relay import Relay


class TcpRelay(Relay):
    """Passes connections on to a ``tcp://`` address until cut; it keeps its port."""

    def __init__(self, target: str) -> None:
        super().__init__(target, Path("/nonexistent"))
        self.port = 0

    @property
    def url(self) -> str:
        """HOST:PORT that clients connect to."""
        return f"127.0.0.1:{self.port}"

    def restore(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
