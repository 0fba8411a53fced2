"""Uploads and downloads. They are limited in number, so that short requests always find a free thread."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request

from pfcon.api.context import current
from pfcon.api.job_fields import LISTED_OUTPUT_PATH
from pfcon.errors import PfconError
from pfcon.models import JobId
from pfcon.storage.base import ListedOutputs, ZipOutputs

log = logging.getLogger(__name__)

PATHS_PER_BATCH = 4096  # paths encoded with one call; a call for each path takes five times as long
CHARACTERS_PER_BATCH = 256 << 10  # characters of paths, which ends a batch


@contextmanager
def transfer() -> Iterator[None]:
    """A context that occupies a transfer slot while a request's method runs. Raises Unreachable."""
    begin_transfer()
    try:
        yield
    finally:
        current().transfers.release()
        wait_for_client(0)


@contextmanager
def incoming_body() -> Iterator[None]:
    """A ``transfer`` while the body is being received; small bodies are complete before the application runs."""
    if isinstance(request.environ["wsgi.input"], io.BytesIO):
        yield
    else:
        with transfer():
            yield


def begin_transfer() -> None:
    """Take a slot, and let the connection time out after PFCON_IDLE_TIMEOUT without a byte. Raises Unreachable."""
    current().transfers.acquire()
    wait_for_client(current().settings.server.idle_timeout)


def wait_for_client(seconds: float) -> None:
    """Set the connection's timeout. 0: never wait, the server sends later (see pfcon.front.buffered_socket)."""
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(seconds)


def outputs_response(jid: JobId, *, deliver: bool) -> Response:
    """Return the outputs of a job as a streamed download. Raises Absent, InvalidFields, Conflict, Unreachable.

    The first part is made before this returns: an error in it still gets a status of its own.

    deliver: where the request has a ``job_output_path``, deliver the outputs to the storage first (JobService.deliver).
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
        wait_for_client(0)
        raise
    response = Response(_logged(first, body, jid), mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{jid}.{suffix}"'
    response.call_on_close(context.transfers.release)
    return response


def _job_output_path() -> str | None:
    """Return ``?job_output_path=`` or None. ``+`` means a plus sign: clients do not encode the path."""
    query = request.environ.get("QUERY_STRING", "").replace("+", "%2B")
    return request.__class__({**request.environ, "QUERY_STRING": query}).args.get(LISTED_OUTPUT_PATH.name)


def _logged(first: bytes, chunks: Iterator[bytes], jid: JobId) -> Iterator[bytes]:
    """Yield the parts; log an error and raise it. The status is sent already, so the client sees a truncated body."""
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
    """Group paths into lists that are limited in number and in characters: a job chooses how long its paths are."""
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
