"""What a thread does with a request that is complete, or comes in as an upload."""

import logging
from http import HTTPStatus
from typing import Any

from gunicorn.http.message import Request
from gunicorn.workers.gthread import ThreadWorker

from pfcon.front.answers import error_answer, message_of, status_of
from pfcon.front.bodies import BufferedBody, StreamedBody
from pfcon.front.connection import Connection
from pfcon.front.options import FrontOptions

log = logging.getLogger(__name__)


class ServingWorker(ThreadWorker):
    """The part of the worker that runs in threads. The application has ``front_options``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.app
        self.options: FrontOptions = app.front_options

    def serve_in_thread(self, connection: Any) -> bool:
        """Whether the connection may be used again."""
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
        except (OSError, StopIteration) as fault:  # the client's end, or its time's
            log.info("a connection of %s ended early: %s", address(connection), fault or "its answer was cut short")
            return False
        except Exception as fault:  # noqa: BLE001 - whatever it is, the client gets an answer
            self.handle_error(request, sock, connection.client, fault)
            return False
        return keep

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer what gunicorn or the application's server side raised, as JSON. Called in threads."""
        status = status_of(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("%s %s failed", getattr(req, "method", None), getattr(req, "path", None), exc_info=exc)
        try:
            client.settimeout(0.0)
            client.sendall(error_answer(status, message_of(exc)))
            client.flush()
        except OSError as fault:
            log.debug("a client is gone before its answer: %s", fault)


def address(connection: Connection) -> str:
    """Who it is, for the log."""
    return str(connection.client[0]) if isinstance(connection.client, tuple) and connection.client else "a client"
