"""Serves a request in a thread. Its body is complete, except that of an upload."""

import logging
from http import HTTPStatus
from typing import Any

from gunicorn.http.message import Request
from gunicorn.workers.gthread import ThreadWorker

from pfcon.front.answers import logged_of, message_of, status_of
from pfcon.front.bodies import BufferedBody, StreamedBody
from pfcon.front.buffered_socket import HandedOver
from pfcon.front.connection import Connection
from pfcon.front.hub import Stream
from pfcon.front.options import FrontOptions
from pfcon.front.refusals import refusal
from pfcon.service_log import begin_request

log = logging.getLogger(__name__)


class ServingWorker(ThreadWorker):
    """The part of the worker that runs in threads. It reads ``front_options`` of the gunicorn application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.app
        self.options: FrontOptions = app.front_options

    def serve_in_thread(self, connection: Any) -> bool:
        """Serve the request; return whether the connection may be used for another one."""
        begin_request("")  # not that of the thread's last request
        keep = False
        request: Request = connection.request
        body: Any = request.body
        sock = connection.sock
        try:
            if isinstance(body, StreamedBody):
                sock.settimeout(self.options.timeout)
            keep = self.handle_request(request, connection)
            sock.settimeout(0.0)
            keep = keep and (isinstance(body, BufferedBody) or (isinstance(body, StreamedBody) and body.is_exhausted()))
            sock.flush()
        except HandedOver:
            connection.stream = Stream(sock.source, chunked=request.version is not None and request.version > (1, 0))
            return isinstance(body, BufferedBody) and not request.should_close()
        except (OSError, StopIteration) as fault:  # the client closed the connection, or a timeout
            log.info("a connection of %s ended early: %s", address(connection), fault or "its response was truncated")
            return False
        except Exception as fault:  # noqa: BLE001 - for any error the client gets a response
            self.handle_error(request, sock, connection.client, fault)
            return False
        return keep

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send a JSON response for an error that gunicorn raised. Called in threads."""
        status = status_of(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("%s %s failed", getattr(req, "method", None), getattr(req, "path", None), exc_info=exc)
        try:
            client.settimeout(0.0)
            client.sendall(refusal(status, message_of(exc), client_text(addr), logged_of(exc)))
            client.flush()
        except OSError as fault:
            log.debug("a client closed its connection before the response: %s", fault)


def address(connection: Connection) -> str:
    """Return the client's address for the log."""
    return client_text(connection.client)


def client_text(client: Any) -> str:
    """Return the address of a peer, as socket.accept has returned it, for the log."""
    return str(client[0]) if isinstance(client, tuple) and client else "a client"
