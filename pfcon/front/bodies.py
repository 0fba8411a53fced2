"""What becomes of a request's body, and the bodies that the application reads."""

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

    NONE = auto()  # there is none
    BUFFER = auto()  # it is read whole before a thread is taken
    STREAM = auto()  # a thread reads it
    UNREAD = auto()  # not at all: the application answers from the head, and the connection ends


@dataclass(frozen=True)
class BodyPlan:
    """``trusted``: the request has a valid token."""

    mode: BodyMode
    collector: Collector | None = None
    trusted: bool = False


class BufferedBody(io.BytesIO):
    """A body that is there."""


class UnreadBody(io.RawIOBase):
    """A body that nobody reads. Whoever tries gets an OSError."""

    def read(self, _size: int | None = -1, /) -> bytes:
        """Raises OSError."""
        raise OSError("the request's body is not read")


class StreamedBody(Body):
    """A body that comes in while it is read. Malformed chunks are an OSError, as a broken connection is."""

    def read(self, size: int | None = None) -> bytes:
        """See Body."""
        try:
            return super().read(size)
        except ParseException as fault:
            raise OSError(f"malformed: {fault}") from None

    def is_exhausted(self) -> bool:
        """Whether nothing of it is left on the connection; what is left and has come already is dropped, up to a limit.

        Raises OSError when more would have to come.
        """
        if getattr(self, "failed", False):
            return False
        return any(not self.read(1024) for _ in range(64))


def plan_body(request: Request, options: FrontOptions) -> BodyPlan:
    """By the request's head alone."""
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
        return BodyPlan(BodyMode.UNREAD, trusted=trusted)  # the application says by the length that it is too large
    return BodyPlan(BodyMode.BUFFER, LengthCollector(length), trusted)


def _framing(request: Request) -> tuple[bool, int]:
    """Whether a body is chunked, and else its length, as gunicorn's parser has decided."""
    reader: Any = request.body.reader if request.body is not None else None
    return isinstance(reader, ChunkedReader), reader.length if isinstance(reader, LengthReader) else 0


def _has_token(request: Request, options: FrontOptions) -> bool:
    try:
        verify_header(options.auth, _header(request, "AUTHORIZATION"))
    except Unauthorized:
        return False
    return True


def _header(request: Request, name: str) -> str:
    """As WSGI joins repeated ones; names are in capitals."""
    return ",".join(value for key, value in request.headers if key == name)
