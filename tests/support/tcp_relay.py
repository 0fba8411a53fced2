"""The relays at a port of loopback, for what is reached over TCP."""

import socket
import time

from .ports import free_port
from .readable import readable
from .relay import AnyRelay

PIECE = 4096  # bytes that a slow relay passes on at once


class TcpRelay(AnyRelay):
    """Passes connections on until cut; it keeps its port."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.port = free_port()  # the same one after a cut

    @property
    def url(self) -> str:
        """HOST:PORT that clients connect to."""
        return f"127.0.0.1:{self.port}"

    def listen(self) -> socket.socket:
        """A socket at the port."""
        return socket.create_server(("127.0.0.1", self.port), backlog=64)


class SlowRelay(TcpRelay):
    """In front of a registry at HOST:PORT, whose answers it passes on at ``rate`` bytes a second each."""

    def __init__(self, registry: str, rate: float) -> None:
        super().__init__(registry)
        self.rate = rate

    def hurry(self) -> None:
        """Limit nothing any more."""
        self.rate = float("inf")

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Copy both ways until one side has said its last."""
        while True:
            for source in readable([client, server]):
                piece = source.recv(PIECE)
                if not piece:
                    return
                (server if source is client else client).sendall(piece)
                if source is server:
                    time.sleep(len(piece) / self.rate)
