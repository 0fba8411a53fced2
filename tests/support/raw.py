"""Connections on which a test sends what it likes, byte by byte."""

import json
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pfcon.testing.waiting import PATIENCE


@dataclass
class Answer:
    """One answer of HTTP/1.1."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body, which has to say that it is JSON."""
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)

    def message(self) -> str:
        """What an error says: all of them are JSON with nothing but that."""
        said = self.json()
        assert list(said) == ["message"], said
        return str(said["message"])


class Raw:
    """A connection to a server on loopback; a context manager."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def send(self, data: bytes | str) -> "Raw":
        """Send all of it."""
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def send_in_pieces(self, data: bytes, size: int, pause: float = 0.0) -> "Raw":
        """Send so many bytes at a time; pause: seconds."""
        for at in range(0, len(data), size):
            self.send(data[at : at + size])
            time.sleep(pause)
        return self

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self._rest += data
        return bool(data)

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and fields of the next answer, also of an interim one."""
        while b"\r\n\r\n" not in self._rest:
            assert self._more(), f"closed after {self._rest!r}"
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(": ") for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, _, value in fields}

    def answer(self) -> Answer:
        """The next answer, which has a length."""
        status, headers = self.head()
        length = int(headers["content-length"])
        while len(self._rest) < length:
            assert self._more(), f"cut off: {self._rest!r}"
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(status, headers, body)

    def chunks(self) -> bytes:
        """The whole body of a chunked answer (RFC 9112, 7.1)."""
        found = b""
        while True:
            while b"\r\n" not in self._rest:
                assert self._more(), f"cut off: {found[-300:]!r}"
            size, _, self._rest = self._rest.partition(b"\r\n")
            length = int(size, 16)
            while len(self._rest) < length + 2:
                assert self._more(), f"cut off: {found[-300:]!r}"
            found += self._rest[:length]
            self._rest = self._rest[length + 2 :]
            if not length:
                return found

    def to_end(self) -> bytes:
        """All bytes until the server has closed the connection."""
        while self._more():
            pass
        return self._rest

    def is_closed(self) -> bool:
        """Wait for the end, at most for PATIENCE; whether it came without a further byte."""
        try:
            return not self._rest and not self.socket.recv(1)
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        """Be gone."""
        self.socket.close()

    def __enter__(self) -> "Raw":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
