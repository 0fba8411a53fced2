"""Decides how a request's body is read; the body objects that the application reads from."""

import io
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.util import unquote_to_wsgi_str

from pfcon.auth import verify_header
from pfcon.errors import Unauthorized
from pfcon.front.collecting import ChunkedCollector, Collector, LengthCollector
from pfcon.front.options import FrontOptions


class BodyMode(Enum):
    """How a body reaches the application."""

    NONE = auto()  # the request has no body
    BUFFER = auto()  # the event loop reads all of it before a thread serves the request
    STREAM = auto()  # the thread that serves the request reads it
    UNREAD = auto()  # nobody reads it: the application responds by the head alone, then the connection is closed


@dataclass(frozen=True)
class BodyPlan:
    """How to read a body. collector: only for BUFFER. trusted: whether the request has a valid token."""

    mode: BodyMode
    collector: Collector | None = None
    trusted: bool = False


class BufferedBody(io.BytesIO):
    """A complete body in memory."""


class UnreadBody(io.RawIOBase):
    """A body that must not be read: reading raises OSError."""

    def read(self, _size: int | None = -1, /) -> bytes:
        """Raises OSError."""
        raise OSError("the request's body is not read")


class StreamedBody(Body):
    """A body that is received while it is read. Malformed chunks raise OSError, as a broken connection does."""

    def read(self, size: int | None = None) -> bytes:
        """See Body."""
        try:
            return super().read(size)
        except ParseException as fault:
            raise OSError(f"malformed: {fault}") from None

    def is_exhausted(self) -> bool:
        """Whether the body has been read to its end; received bytes that are unread are discarded, up to 64 KiB.

        Raises OSError when part of the body has not been received.
        """
        if getattr(self, "failed", False):
            return False
        return any(not self.read(1024) for _ in range(64))


def plan_body(request: Request, options: FrontOptions) -> BodyPlan:
    """Decide how to read the body, by the request's head."""
    chunked, length = _framing(request)
    if not chunked and not length:
        return BodyPlan(BodyMode.NONE)
    if request.method == "POST" and unquote_to_wsgi_str(request.path or "").endswith(options.login_path):
        return _buffered(request, chunked, length, options.login_bytes, trusted=False)
    if not _has_token(request, options):
        return BodyPlan(BodyMode.UNREAD)
    if not _header(request, "CONTENT-TYPE").lower().startswith("multipart/"):
        return _buffered(request, chunked, length, options.form_bytes, trusted=True)
    if chunked or length > options.small_multipart:
        return BodyPlan(BodyMode.STREAM, trusted=True)
    return BodyPlan(BodyMode.BUFFER, LengthCollector(length), trusted=True)


def _buffered(request: Request, chunked: bool, length: int, most: int, *, trusted: bool) -> BodyPlan:
    if chunked:
        return BodyPlan(BodyMode.BUFFER, ChunkedCollector(request, most), trusted)
    if length > most:
        return BodyPlan(BodyMode.UNREAD, trusted=trusted)  # the application refuses it by its Content-Length
    return BodyPlan(BodyMode.BUFFER, LengthCollector(length), trusted)


def _framing(request: Request) -> tuple[bool, int]:
    """Return whether the body is chunked, and its length in bytes (0 if chunked), as gunicorn's parser decided."""
    reader: Any = request.body.reader if request.body is not None else None
    return isinstance(reader, ChunkedReader), reader.length if isinstance(reader, LengthReader) else 0


def _has_token(request: Request, options: FrontOptions) -> bool:
    try:
        verify_header(options.auth, _header(request, "AUTHORIZATION"))
    except Unauthorized:
        return False
    return True


def _header(request: Request, name: str) -> str:
    """Return a header's value; repeated ones are joined by commas, as in WSGI. name: in capitals."""
    return ",".join(value for key, value in request.headers if key == name)
