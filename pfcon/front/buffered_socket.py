"""A connection's socket as gunicorn and the application see it."""

import socket


class BufferedSocket:
    """Keeps what is sent until ``flush`` while its timeout is 0, as it is between transfers, and sends it then without
    waiting: a client that does not read holds no thread. With a timeout it is a socket with that timeout.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.recv = sock.recv
        self.fileno = sock.fileno
        self.gettimeout = sock.gettimeout
        self.shutdown = sock.shutdown
        self.close = sock.close
        self._kept = bytearray()

    @property
    def kept(self) -> int:
        """Bytes that are still to be sent."""
        return len(self._kept)

    def settimeout(self, seconds: float | None) -> None:
        """From now on, wait so long for the client at each call; 0: don't. Raises OSError when it can't send
        what it has kept.
        """
        self.socket.settimeout(seconds)
        if seconds != 0 and self._kept:
            self.socket.sendall(self._kept)
            self._kept.clear()

    def setblocking(self, flag: bool) -> None:
        """As a socket does."""
        self.settimeout(None if flag else 0.0)

    def sendall(self, data: bytes) -> None:
        """Send or keep all of it. Raises OSError."""
        if self.socket.gettimeout() == 0:
            self._kept += data
        else:
            self.socket.sendall(data)

    def send(self, data: bytes) -> int:
        """The same; the number of bytes."""
        self.sendall(data)
        return len(data)

    def flush(self) -> bool:
        """Send of what is kept as much as goes without waiting; whether nothing is left. Raises OSError."""
        if not self._kept:
            return True
        try:
            sent = self.socket.send(self._kept)
        except BlockingIOError:
            return False
        del self._kept[:sent]
        return not self._kept

    def drop(self) -> None:
        """Close it, whatever is left."""
        self._kept.clear()
        self.socket.close()
