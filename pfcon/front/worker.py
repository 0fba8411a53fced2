"""gunicorn's threaded worker with an event loop that reads the requests."""

import errno
import logging
import math
import selectors
import socket
import time
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors

from pfcon.front.answers import logged_of, message_of, status_of
from pfcon.front.collecting import BodyTooLarge
from pfcon.front.connection import CONTINUE, Connection, State
from pfcon.front.connection_table import ConnectionTable
from pfcon.front.options import LINGER, LINGER_BYTES, READ_SIZE, STOP_LINGER
from pfcon.front.refusals import refusal
from pfcon.front.serving import ServingWorker, address
from pfcon.front.streams import Streams

log = logging.getLogger(__name__)

TICK = 0.5  # seconds between two checks of the deadlines
EXPIRE_PER_TICK = 16  # connections: many that expire together must not delay the others
OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# Errors of accept(2) that concern the listener; all others concern the client.
BROKEN = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EFAULT}
PAUSE = 0.1  # seconds without accepting when the machine is out of resources
BUSY = "the service has too many unfinished requests; try again later"


class FrontWorker(ServingWorker):
    """See the package. At each moment, a connection belongs either to the event loop or to one thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = ConnectionTable(self.worker_connections, self.options.held_bytes)
        self._streams = Streams(self.method_queue.defer, self._watch, self._send, self._drop)
        self._no_accept_until = 0.0
        self._next_check = 0.0
        self._stop_by = math.inf  # while stopping: the deadline of unfinished requests

    # The loop.

    def run(self) -> None:
        """Serve until the worker is asked to stop; then finish the running requests."""
        queue: Any = self.method_queue
        self.poller.register(queue, selectors.EVENT_READ, queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive:
            self._run_once()
            full = self._connections.is_full and self._connections.oldest_evictable() is None
            self.set_accept_enabled(not full and time.monotonic() >= self._no_accept_until)
            if not self.is_parent_alive():
                break
        self.set_accept_enabled(False)
        self._end()

    def _run_once(self) -> None:
        self.notify()
        paused = not self._accepting  # type: ignore[attr-defined]
        pause = PAUSE if paused else TICK
        self.wait_for_and_dispatch_events(max(0.0, min(pause, self._next_check - time.monotonic())))
        now = time.monotonic()
        if now >= self._next_check:
            overdue = self._connections.overdue(now)
            for connection in overdue[:EXPIRE_PER_TICK]:
                self._expire(connection)
            self._next_check = now if len(overdue) > EXPIRE_PER_TICK else now + TICK

    def _end(self) -> None:
        self.alive = False  # also when the parent process has died
        now = time.monotonic()
        end = now + self.cfg.graceful_timeout
        self._stop_by = now + STOP_LINGER
        for connection in self._connections:
            self._allow(connection, connection.deadline)
            self._end_stream(connection)
        while len(self._connections) and time.monotonic() < end:
            self._run_once()
        for connection in self._connections:
            if connection.state is not State.SERVED:
                self._drop(connection)
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; at the limit, close the oldest unserved one. Raises OSError of the listener."""
        if self._connections.is_full and not self._evict_one():
            return
        try:
            sock, client = listener.accept()
        except OSError as fault:
            if fault.errno in BROKEN:
                raise
            if fault.errno in OUT_OF_RESOURCES and not self._evict_one():
                self._no_accept_until = time.monotonic() + PAUSE
                self.set_accept_enabled(False)
            return
        connection = Connection(self.cfg, sock, client, listener.getsockname())
        connection.callback = lambda _socket: self._on_event(connection)
        self._allow(connection, time.monotonic() + self.options.timeout)
        self._watch(connection, State.HEAD, selectors.EVENT_READ)
        self._on_event(connection)  # most clients have sent their request by now

    def _evict_one(self, holding: int = 0) -> bool:
        victim = self._connections.oldest_evictable(holding)
        if victim is None:
            return False
        if victim.state in (State.HEAD, State.BODY, State.FORM):
            self._try_to_send_error(victim, HTTPStatus.SERVICE_UNAVAILABLE, BUSY)
        self._drop(victim)
        return True

    # Connections that belong to the event loop.

    def _allow(self, connection: Connection, deadline: float) -> None:
        """Set the deadline. While stopping, at most STOP_LINGER seconds, except for trusted bodies and responses."""
        patient = connection.state in (State.FORM, State.ANSWER)
        connection.deadline = deadline if patient else min(deadline, self._stop_by)

    def _watch(self, connection: Connection, state: State, events: int) -> None:
        """Set the state and wait for ``events``, whether or not the connection is registered already."""
        known = connection in self._connections and connection.state is not State.SERVED
        connection.state = state
        if not known:
            self.poller.register(connection.sock.fileno(), events, connection.callback)
        elif self.poller.get_key(connection.sock.fileno()).events != events:
            self.poller.modify(connection.sock.fileno(), events, connection.callback)
        self._note(connection)

    def _note(self, connection: Connection) -> None:
        self._connections.update(connection)
        while self._connections.exceeds_bytes and self._evict_one(holding=1):
            pass

    def _unwatch(self, connection: Connection) -> None:
        if connection in self._connections and connection.state is not State.SERVED:
            self.poller.unregister(connection.sock.fileno())

    def _drop(self, connection: Connection) -> None:
        self._unwatch(connection)
        self._connections.remove(connection)
        self._streams.close(connection)
        connection.sock.drop()

    def _end_stream(self, connection: Connection) -> None:
        try:
            self._streams.finish(connection)
        except OSError:
            self._drop(connection)

    def _on_event(self, connection: Connection) -> None:
        if connection not in self._connections:
            return  # it was closed by an earlier event of this iteration
        try:
            if connection.state is State.ANSWER:
                self._send(connection)
            elif connection.state is State.STREAM:
                self._streams.on_event(connection)
            else:
                self._receive(connection, connection.sock.recv(READ_SIZE))
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _receive(self, connection: Connection, data: bytes) -> None:
        if connection.state is State.LINGER:
            connection.dropped += len(data)
            if not data or connection.dropped > LINGER_BYTES:
                self._drop(connection)
        elif data:
            self._feed(connection, data)
        elif connection.state in (State.BODY, State.FORM):
            self._refuse(connection, HTTPStatus.BAD_REQUEST, connection.incomplete_message)
        else:
            self._drop(connection)

    def _feed(self, connection: Connection, data: bytes) -> None:
        if connection.state is State.IDLE:
            self._allow(connection, time.monotonic() + self.options.timeout)
            connection.state = State.HEAD
        try:
            if connection.state is State.HEAD:
                whole = connection.feed_head(data, self.options) and self._begin_body(connection)
            else:
                whole = connection.feed_body(data)
        except BodyTooLarge:
            text = "the request's body has more bytes than allowed"
            self._refuse(connection, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        except (errors.ParseException, BlockingIOError) as fault:
            self._refuse(connection, status_of(fault), message_of(fault), logged_of(fault))
        except StopIteration:
            self._drop(connection)
        except Exception as fault:  # an unexpected error must end this connection, not the process
            log.error("a request from %s could not be read", address(connection), exc_info=fault)
            self._refuse(connection, status_of(fault), message_of(fault), logged_of(fault))
        else:
            if whole:
                self._serve(connection)
                return
            if connection.body_bytes:
                self._allow(connection, connection.began + self.options.seconds_for(connection.body_bytes))
            self._note(connection)

    def _begin_body(self, connection: Connection) -> bool:
        """Start to read the body; return whether the request can be served now."""
        if connection.state is State.SERVED:
            return True
        connection.began = time.monotonic()
        self._allow(connection, connection.began + self.options.timeout)
        if connection.expects_continue():
            connection.sock.sendall(CONTINUE)
            connection.sock.flush()
        return connection.feed_body(None)

    def _expire(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        if connection.state in (State.BODY, State.FORM) or (connection.state is State.HEAD and connection.held):
            text = f"the request did not arrive within PFCON_HEADER_TIMEOUT, {self.options.timeout:g} seconds"
            self._try_to_send_error(connection, HTTPStatus.REQUEST_TIMEOUT, text)
        self._drop(connection)

    def _refuse(self, connection: Connection, status: HTTPStatus, message: str, logged: str = "") -> None:
        self._try_to_send_error(connection, status, message, logged)
        self._linger(connection)

    def _try_to_send_error(self, connection: Connection, status: HTTPStatus, message: str, logged: str = "") -> None:
        try:
            connection.sock.sendall(refusal(status, message, address(connection), logged))
            connection.sock.flush()
        except OSError as fault:
            log.debug("a client closed its connection before the response: %s", fault)

    def _linger(self, connection: Connection) -> None:
        """Close so that the client can read its response although it still sends (RFC 9112, 9.6)."""
        try:
            if connection.has_sent_nothing_more():
                self._drop(connection)
                return
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        connection.deadline = time.monotonic() + (LINGER if self.alive else STOP_LINGER)
        self._watch(connection, State.LINGER, selectors.EVENT_READ)

    # Connections that belong to a thread.

    def _serve(self, connection: Connection) -> None:
        self.poller.unregister(connection.sock.fileno())
        self._note(connection)
        future = self.tpool.submit(self.serve_in_thread, connection)
        future.add_done_callback(lambda done: self.method_queue.defer(self._served, connection, done))

    def _served(self, connection: Connection, done: Future[bool]) -> None:
        """Take a connection back into the event loop after a thread has served it."""
        try:
            connection.keep = done.result()
            connection.sock.settimeout(0.0)
            if connection.stream is None:
                self._send(connection)
                return
            self._streams.begin(connection, connection.stream)
            if not self.alive:
                self._end_stream(connection)
        except (OSError, ValueError):
            self._drop(connection)

    def _send(self, connection: Connection) -> None:
        """Send the buffered response, then close the connection or wait for the next request. Raises OSError."""
        if not connection.sock.flush():
            if connection.state is not State.ANSWER:
                connection.deadline = time.monotonic() + self.options.seconds_for(connection.sock.kept)
            self._watch(connection, State.ANSWER, selectors.EVENT_WRITE)
        elif not connection.keep:
            self._linger(connection)
        else:
            began = connection.begin()
            now = time.monotonic()
            idle = self.cfg.keepalive if self.alive else min(self.cfg.keepalive, STOP_LINGER)
            connection.deadline = now + (min(self.options.timeout, self._stop_by - now) if began else idle)
            self._watch(connection, State.HEAD if began else State.IDLE, selectors.EVENT_READ)
            if began and connection in self._connections:
                self._feed(connection, b"")
