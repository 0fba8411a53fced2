"""The streams of a process in its event loop: no thread belongs to them, see ``hub``."""

import logging
import selectors
import time
from collections.abc import Callable
from math import inf

from pfcon.front.connection import Connection, State
from pfcon.front.hub import BUFFERED, Hub, Stream
from pfcon.front.options import HEAD_BYTES, READ_SIZE

log = logging.getLogger(__name__)

STALLED = 10.0  # seconds; a client that reads nothing for so long loses its stream


class Streams:
    """Sends what the hub makes, and notices clients that have gone. All methods run in the event loop.

    defer: calls back in the event loop; thread-safe. watch: sets a connection's state, and waits for events of
    selectors. send: sends what is buffered, then closes the connection or expects the next request; raises OSError.
    drop: closes a connection.
    """

    def __init__(
        self,
        defer: Callable[..., object],
        watch: Callable[[Connection, State, int], None],
        send: Callable[[Connection], None],
        drop: Callable[[Connection], None],
    ) -> None:
        self._hub = Hub(lambda stream, data: defer(self._on_data, stream, data))
        self._watch, self._send, self._drop = watch, send, drop
        self._connections: dict[Stream, Connection] = {}

    def begin(self, connection: Connection, stream: Stream) -> None:
        """Take over a connection that a thread has served: its head, and a first part, are buffered. Raises OSError."""
        stream.made = connection.sock.kept
        connection.deadline = time.monotonic() + STALLED
        try:
            self._hub.add(stream)
        except RuntimeError as fault:
            log.error("a stream can't begin: %s", fault)
            raise ConnectionAbortedError from fault
        self._connections[stream] = connection
        self._flush(stream, connection)

    def close(self, connection: Connection) -> None:
        """End the stream of a connection that is closed; no-op without one."""
        stream, connection.stream = connection.stream, None
        if stream is None:
            return
        if self._connections.pop(stream, None) is None:
            stream.source.close()  # it has never begun
        else:
            self._hub.close(stream)

    def on_event(self, connection: Connection) -> None:
        """Send, and look whether the client is still there. Raises OSError."""
        try:
            data = connection.sock.recv(READ_SIZE)
        except BlockingIOError:
            pass
        else:
            connection.dropped += len(data)
            if not data or connection.dropped > HEAD_BYTES:
                self._drop(connection)
                return
            connection.read_ahead(data)
        if connection.stream is not None:
            self._flush(connection.stream, connection)

    def finish(self, connection: Connection) -> None:
        """End a stream as HTTP does: its client sees that it is complete. No-op without one.

        Raises OSError.
        """
        stream = connection.stream
        if stream is None or stream not in self._connections:
            return
        self.close(connection)
        connection.sock.sendall(stream.end)
        connection.keep = connection.keep and stream.chunked
        connection.dropped = 0
        self._send(connection)
        if connection.state is State.ANSWER:
            connection.deadline = min(connection.deadline, time.monotonic() + STALLED)

    def _on_data(self, stream: Stream, data: bytes | None) -> None:
        connection = self._connections.get(stream)
        if connection is None:
            return  # it has been closed
        try:
            if data is None:
                self.finish(connection)
                return
            if not connection.sock.kept:
                connection.deadline = time.monotonic() + STALLED
            connection.sock.sendall(data)
            self._flush(stream, connection)
        except OSError:
            self._drop(connection)

    def _flush(self, stream: Stream, connection: Connection) -> None:
        """Send as much as possible without waiting. Raises OSError."""
        before, was_full = connection.sock.kept, stream.is_full
        is_empty = connection.sock.flush()
        sent = before - connection.sock.kept
        stream.sent += sent
        if is_empty:
            connection.deadline = inf
        elif sent:
            connection.deadline = time.monotonic() + STALLED
        self._watch(connection, State.STREAM, selectors.EVENT_READ | (0 if is_empty else selectors.EVENT_WRITE))
        if was_full and stream.made - stream.sent < BUFFERED:
            self._hub.wake()
