"""Assembles a body from pieces as they are received. No I/O."""

from abc import ABC, abstractmethod

from gunicorn.http.body import CHUNK_EXT_RE  # type: ignore[attr-defined]  # its type stubs are older
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkExtension, InvalidChunkSize, InvalidHeader
from gunicorn.http.message import Request

SIZE_LINE = 256  # bytes: longest line of a chunk's size and extensions
TRAILERS = 8 * 1024  # bytes: longest trailer section
_HEX = frozenset(b"0123456789abcdefABCDEF")


class BodyTooLarge(Exception):
    """The body exceeds its size limit."""


class Collector(ABC):
    """Takes pieces until the body is complete; ``body`` contains what was received so far."""

    def __init__(self) -> None:
        self.body = bytearray()

    @abstractmethod
    def feed(self, piece: bytes) -> bytes | None:
        """Add a piece. Return the bytes after the end of the body, or None while the body is incomplete."""

    @abstractmethod
    def incomplete_message(self) -> str:
        """Return the error message for a body that ends too early."""


class LengthCollector(Collector):
    """A body of known length."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def feed(self, piece: bytes) -> bytes | None:
        """See Collector."""
        missing = self._length - len(self.body)
        self.body += piece[:missing]
        return piece[missing:] if len(piece) >= missing else None

    def incomplete_message(self) -> str:
        """See Collector."""
        return f"the request's body was cut off after {len(self.body)} of {self._length} bytes"


class ChunkedCollector(Collector):
    """A chunked body (RFC 9112, 7.1) of at most ``most`` bytes. As strict as gunicorn's own reader, which is not used
    because it would need quadratic time in the number of chunks here.
    """

    def __init__(self, request: Request, most: int) -> None:
        super().__init__()
        self._request = request
        self._most = most
        self._left = 0  # bytes of the present chunk still to come, with its CRLF; 0: a size line is next
        self._ends = False  # whether the trailer section is next
        self._rest = bytearray()  # an unfinished line

    def feed(self, piece: bytes) -> bytes | None:
        """See Collector. Raises BodyTooLarge, and gunicorn's ParseException for a malformed chunked body."""
        data = bytes(self._rest + piece)
        at = 0
        while at < len(data) and not self._ends:
            if self._left:
                at += self._take(data, at)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            self._begin_chunk(_size(data[at:end]))
            at = end + 2
        self._rest = bytearray(data[at:])
        if self._ends:
            return self._trailers()
        if not self._left and len(self._rest) > SIZE_LINE:
            raise InvalidChunkSize(bytes(self._rest[:32]))
        return None

    def _begin_chunk(self, size: int) -> None:
        if len(self.body) + size > self._most:
            raise BodyTooLarge
        self._left, self._ends = (size + 2, False) if size else (0, True)

    def _take(self, data: bytes, at: int) -> int:
        """Take the received part of the present chunk and its CRLF; return the number of bytes taken."""
        content = data[at : at + max(0, self._left - 2)]
        self.body += content
        self._left -= len(content)
        taken = len(content)
        if self._left <= 2:
            end = data[at + taken : at + taken + self._left]
            if not b"\r\n"[2 - self._left :].startswith(end):
                raise ChunkMissingTerminator(end)
            self._left -= len(end)
            taken += len(end)
        return taken

    def _trailers(self) -> bytes | None:
        rest = bytes(self._rest)
        if rest.startswith(b"\r\n"):
            return rest[2:]
        end = rest.find(b"\r\n\r\n")
        if end < 0:
            if len(rest) > TRAILERS:
                raise InvalidHeader("the trailers are too long")
            return None
        if b"\n" in rest[:end].replace(b"\r\n", b""):
            raise InvalidHeader("bare LF as line terminator")
        self._request.parse_headers(rest[:end], from_trailer=True)
        return rest[end + 4 :]

    def incomplete_message(self) -> str:
        """See Collector."""
        return f"the request's body was cut off after {len(self.body)} bytes"


def _size(line: bytes) -> int:
    text, semicolon, extension = line.partition(b";")
    if semicolon:
        text = text.rstrip(b" \t")
        if len(line) > SIZE_LINE or not CHUNK_EXT_RE.fullmatch(b";" + extension):
            raise InvalidChunkExtension("invalid chunk extension")
    if not 0 < len(text) <= 16 or not _HEX.issuperset(text):
        raise InvalidChunkSize(text[:32])
    return int(text, 16)
