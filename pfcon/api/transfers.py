"""Uploads and downloads: long requests that must leave room for the short ones."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request

from pfcon.api.context import current
from pfcon.errors import PfconError
from pfcon.models import JobId
from pfcon.storage.base import ListedOutputs, ZipOutputs

log = logging.getLogger(__name__)

PATHS_PER_BATCH = 4096  # of a list; one call for many is five times as fast as many calls
CHARACTERS_PER_BATCH = 256 << 10  # of a list


@contextmanager
def transfer() -> Iterator[None]:
    """A transfer within a request's method."""
    begin_transfer()
    try:
        yield
    finally:
        current().transfers.release()
        _wait_for_client(0)


@contextmanager
def incoming_body() -> Iterator[None]:
    """A transfer if the request's body still comes in: the server reads small ones before it asks the application."""
    if isinstance(request.environ["wsgi.input"], io.BytesIO):
        yield
    else:
        with transfer():
            yield


def begin_transfer() -> None:
    """Take a slot, and make the connection fail when it moves no byte for PFCON_IDLE_TIMEOUT."""
    current().transfers.acquire()
    _wait_for_client(current().settings.server.idle_timeout)


def _wait_for_client(seconds: float) -> None:
    """0: not at all, the server sends the answer later. See pfcon.front.buffered_socket."""
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(seconds)


def outputs_response(jid: JobId, *, deliver: bool) -> Response:
    """The outputs of a job as a download, made while it is sent. Raises Absent, InvalidFields, Conflict, Unreachable.

    What keeps its first part from being made is raised, too: the client is told before the first byte.

    ``deliver``: where a ``job_output_path`` says so, they are brought to the storage first. See JobService.deliver.
    """
    context = current()
    path = _job_output_path()
    if deliver and path is not None:
        with transfer():
            context.jobs.deliver(jid, path)
    outputs = context.jobs.outputs(jid, path)
    begin_transfer()
    if isinstance(outputs, ZipOutputs):
        body, mimetype, suffix = outputs.chunks, "application/zip", "zip"
    else:
        body, mimetype, suffix = _json_chunks(outputs), "application/json", "json"
    try:
        first = next(body, b"")
    except BaseException:
        context.transfers.release()
        _wait_for_client(0)
        raise
    response = Response(_logged(first, body, jid), mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{jid}.{suffix}"'
    response.call_on_close(context.transfers.release)
    return response


def _job_output_path() -> str | None:
    """``?job_output_path=``, in which ``+`` is a plus sign: clients append the path as it is."""
    query = request.environ.get("QUERY_STRING", "").replace("+", "%2B")
    return request.__class__({**request.environ, "QUERY_STRING": query}).args.get("job_output_path")


def _logged(first: bytes, chunks: Iterator[bytes], jid: JobId) -> Iterator[bytes]:
    """The status has been sent by now: a fault can only cut the answer short, which a client notices."""
    try:
        yield first
        yield from chunks
    except (PfconError, OSError) as error:
        log.error("job %s: the download was cut short: %s", jid, error)
        raise


def _json_chunks(outputs: ListedOutputs) -> Iterator[bytes]:
    head = json.dumps({"job_output_path": outputs.job_output_path})[:-1] + ', "rel_file_paths": ['
    for batch in _batches(outputs.paths):
        yield (head + json.dumps(batch)[1:-1]).encode()
        head = ", "
    yield ("]}" if head == ", " else head + "]}").encode()


def _batches(paths: Iterator[str]) -> Iterator[list[str]]:
    """Paths are as long as a job makes them: what bounds a batch is their length."""
    batch: list[str] = []
    left = CHARACTERS_PER_BATCH
    for path in paths:
        batch.append(path)
        left -= len(path)
        if left <= 0 or len(batch) >= PATHS_PER_BATCH:
            yield batch
            batch, left = [], CHARACTERS_PER_BATCH
    if batch:
        yield batch
