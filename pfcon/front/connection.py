"""The state of one client's connection in the event loop."""

import re
import socket
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request

from pfcon.front.bodies import BodyMode, BufferedBody, StreamedBody, UnreadBody, plan_body
from pfcon.front.buffered_socket import BufferedSocket
from pfcon.front.collecting import Collector
from pfcon.front.hub import Stream
from pfcon.front.options import HEAD_BYTES, READ_SIZE, FrontOptions

_BARE_LF = re.compile(rb"(?<!\r)\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class State(IntEnum):
    """What the connection waits for. When connections must be closed, lower numbers are closed first."""

    LINGER = 0  # the client to close a connection after its last response
    HEAD = 1
    BODY = 2  # a body without a valid token
    IDLE = 3  # the next request on a keep-alive connection
    STREAM = 4  # more bytes of a stream; its client connects again when it is closed
    ANSWER = 5  # the client to read its response
    FORM = 6  # a body with a valid token
    SERVED = 7  # a thread to end serving it


class Connection:
    """Collects a request. gunicorn's workers use the attributes ``sock``, ``client`` and ``server``."""

    def __init__(self, cfg: Config, sock: socket.socket, client: Any, server: Any) -> None:
        self.sock = BufferedSocket(sock)
        self.client = client
        self.server = server
        self.parser: Any = RequestParser(cfg, self.sock, client)  # type: ignore[arg-type]  # it uses only what a BufferedSocket has
        self.state = State.HEAD
        self.deadline = 0.0
        self.began = 0.0  # moment of time.monotonic() at which the body began
        self.dropped = 0  # bytes discarded in state LINGER, or read ahead in state STREAM
        self.keep = False  # whether it remains open after the present response
        self.request: Request | None = None
        self.stream: Stream | None = None  # that goes on with what the thread has begun to answer
        self.callback: Callable[[Any], None] | None = None
        self._line_limit: int = cfg.limit_request_line
        self._head = bytearray()
        self._searched = 0
        self._collector: Collector | None = None
        self._body_bytes = 0  # of a complete body

    @property
    def held(self) -> int:
        """Bytes in memory for this connection."""
        return len(self._head) + self.body_bytes + self.sock.kept

    @property
    def body_bytes(self) -> int:
        """Bytes received of a buffered body."""
        return len(self._collector.body) if self._collector else self._body_bytes

    @property
    def incomplete_message(self) -> str:
        """The error message for a body that ends too early."""
        return self._collector.incomplete_message() if self._collector else ""

    def begin(self) -> bool:
        """Expect a new request. Return whether bytes of it were already received after the last one."""
        self._head = bytearray(self.parser.unreader.take_buffered())
        self._searched = 0
        self.request, self._collector, self._body_bytes = None, None, 0
        return bool(self._head)

    def read_ahead(self, data: bytes) -> None:
        """Keep bytes of the next request, which has come before the present response has ended."""
        unreader = self.parser.unreader
        unreader.unread(unreader.take_buffered() + data)

    def feed_head(self, data: bytes, options: FrontOptions) -> bool:
        """Add bytes. Return whether the head is complete; then ``request`` and ``state`` are set.

        Raises what gunicorn's parser raises for an invalid request.
        """
        self._head += data
        if not self._head_is_decided():
            return False
        self.parser.unreader.unread(bytes(self._head))
        self._head.clear()
        self.request = next(self.parser)
        self._begin_body(self.request, options)
        return True

    def _head_is_decided(self) -> bool:
        start = 2 if self._head.startswith(b"\r\n") else 0  # one empty line before a request is allowed
        since, self._searched = self._searched, len(self._head)
        if self._head.startswith(b"\r\n", start) or self._head.find(b"\r\n\r\n", max(start, since - 3)) >= 0:
            return True
        if len(self._head) > HEAD_BYTES:
            raise LimitRequestHeaders(f"the request's head has more than {HEAD_BYTES} bytes")
        if _BARE_LF.search(self._head, max(0, since - 1)):
            return True
        return len(self._head) > start + self._line_limit + 2 and self._head.find(b"\r\n", start) < 0

    def _begin_body(self, request: Request, options: FrontOptions) -> None:
        found = plan_body(request, options)
        body: Any = None
        if found.mode is BodyMode.BUFFER:
            self._collector = found.collector
            self.state = State.FORM if found.trusted else State.BODY
            return
        self.state = State.SERVED
        if found.mode is BodyMode.STREAM and request.body is not None:
            body = StreamedBody(request.body.reader)
        elif found.mode is BodyMode.UNREAD:
            body = UnreadBody()
            request.force_close()
            request._expected_100_continue = False  # type: ignore[attr-defined]
        request.body = body or BufferedBody()  # type: ignore[assignment]

    def expects_continue(self) -> bool:
        """Whether the client waits for ``100 Continue`` before it sends its body (RFC 9110, 10.1.1). True only once."""
        request: Any = self.request
        expected, request._expected_100_continue = request._expected_100_continue, False
        return bool(expected) and not self.parser.unreader.buf.getvalue()

    def feed_body(self, data: bytes | None) -> bool:
        """Add bytes; None means those received together with the head. Return whether the body is complete.

        Raises BodyTooLarge, or gunicorn's ParseException.
        """
        if self._collector is None or self.request is None:
            return True
        rest = self._collector.feed(self.parser.unreader.take_buffered() if data is None else data)
        if rest is None:
            return False
        self.parser.unreader.unread(rest)
        self.request.body = BufferedBody(bytes(self._collector.body))  # type: ignore[assignment]
        self._body_bytes, self._collector = len(self._collector.body), None
        self.state = State.SERVED
        return True

    def has_sent_nothing_more(self) -> bool:
        """Whether the client sent nothing after the request. Raises OSError when the connection is broken."""
        if not self.keep and not isinstance(getattr(self.request, "body", None), BufferedBody):
            return False
        try:
            return not self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return True
