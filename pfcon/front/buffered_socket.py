"""The socket of a connection, as gunicorn and the application use it."""

import socket
from typing import NoReturn

from pfcon.front.hub import Source


class HandedOver(OSError):
    """The thread has begun to answer; a source has the rest of the answer."""


class BufferedSocket:
    """A socket that buffers output while its timeout is 0; ``flush`` sends it without waiting.

    So a client that does not read its response occupies no thread. With another timeout, it is like a plain socket.
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
        self.source: Source | None = None

    def hand_over(self, source: Source) -> NoReturn:
        """End the thread's work on an answer, of which the source has the rest: see ``hub``. Raises HandedOver.

        To be called by the iterator of the answer's body, in the place of its end.
        """
        self.source = source
        raise HandedOver

    @property
    def kept(self) -> int:
        """The number of buffered bytes."""
        return len(self._kept)

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout of each call; 0: never wait, None: no limit. A timeout other than 0 sends the buffer first.

        Raises OSError when that fails.
        """
        self.socket.settimeout(seconds)
        if seconds != 0 and self._kept:
            self.socket.sendall(self._kept)
            self._kept.clear()

    def setblocking(self, flag: bool) -> None:
        """Like ``socket.setblocking``."""
        self.settimeout(None if flag else 0.0)

    def sendall(self, data: bytes) -> None:
        """Buffer or send all of ``data``, depending on the timeout. Raises OSError."""
        if self.socket.gettimeout() == 0:
            self._kept += data
        else:
            self.socket.sendall(data)

    def send(self, data: bytes) -> int:
        """Like ``sendall``; return the number of bytes."""
        self.sendall(data)
        return len(data)

    def flush(self) -> bool:
        """Send as much of the buffer as possible without waiting. Return whether it is empty now. Raises OSError."""
        if not self._kept:
            return True
        try:
            sent = self.socket.send(self._kept)
        except BlockingIOError:
            return False
        del self._kept[:sent]
        return not self._kept

    def drop(self) -> None:
        """Close the socket and discard the buffer."""
        self._kept.clear()
        self.socket.close()
