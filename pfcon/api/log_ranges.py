"""The log of a job as text, whole or a range of its bytes (RFC 9110, section 14)."""

import logging
from collections.abc import Iterator

from flask import Response, request
from werkzeug.http import parse_range_header

from pfcon.api.context import current
from pfcon.api.transfers import begin_transfer, wait_for_client
from pfcon.compute.kept_log import gap_line
from pfcon.errors import OutOfRange, PfconError
from pfcon.jobs.logs.service import JobLogs
from pfcon.models import JobId, JobKind

log = logging.getLogger(__name__)

_BLOCK = 256 * 1024  # bytes
MEDIA_TYPE = "text/plain"


def log_response(jid: JobId, kind: JobKind) -> Response:
    """Return the log of a job as it is now, or the range that the request asks for.

    Offsets are those in the job's output. Several ranges, and other units than bytes, are ignored. Raises Absent,
    Unreachable, StorageFull, OutOfRange.
    """
    logs = current().jobs.logs
    logs.update(jid, kind)
    end = logs.read(jid, kind, 0, 1).end
    wanted = _range()
    if wanted is None:
        return _stream(_whole(logs, jid, kind, end), jid)
    found = _kept(logs.stretches(jid, kind), *_between(*wanted, end))
    if found is None:
        raise OutOfRange(f"the log has {end} bytes, and none of this range is kept", end)
    first, after = found
    response = _stream(_exactly(logs, jid, kind, first, after), jid)
    response.status_code = 206
    response.headers["Content-Range"] = f"bytes {first}-{after - 1}/{end}"
    response.content_length = after - first
    return response


def _range() -> tuple[int, int | None] | None:
    """Return the range that is asked for: where it begins, or how many bytes before the end, and the offset after it.

    None for the whole. There is nothing that ``If-Range`` could match.
    """
    found = None if "If-Range" in request.headers else parse_range_header(request.headers.get("Range"))
    if found is None or found.units != "bytes" or len(found.ranges) != 1:
        return None
    return found.ranges[0]


def _between(first: int, after: int | None, end: int) -> tuple[int, int]:
    """Return a range by offsets."""
    return (first if first >= 0 else max(0, end + first)), (end if after is None else min(after, end))


def _kept(stretches: list[tuple[int, int]], first: int, after: int) -> tuple[int, int] | None:
    """Return the first bytes of a range that are kept and follow each other, by offsets; None if there are none."""
    for start, end in stretches:
        if max(start, first) < min(end, after):
            return max(start, first), min(end, after)
    return None


def _whole(logs: JobLogs, jid: JobId, kind: JobKind, end: int) -> Iterator[bytes]:
    """Yield a log up to an offset, with a line for what was left out."""
    offset, last = 0, b"\n"
    while offset < end and (part := logs.read(jid, kind, offset, min(_BLOCK, end - offset))).start < end:
        if part.start > offset:
            yield gap_line(part.start - offset, last)
        if not part.data:
            return
        yield part.data
        offset, last = part.start + len(part.data), part.data[-1:]


def _exactly(logs: JobLogs, jid: JobId, kind: JobKind, first: int, after: int) -> Iterator[bytes]:
    """Yield the bytes of a range, all of which are kept. Raises Absent if they no longer are: the answer is cut off."""
    while first < after:
        part = logs.read(jid, kind, first, min(_BLOCK, after - first))
        if part.start != first or not part.data:
            log.info("job %s: its log has grown beyond the limit while a range of it was sent", jid)
            raise ConnectionAbortedError
        yield part.data
        first += len(part.data)


def _stream(blocks: Iterator[bytes], jid: JobId) -> Response:
    context = current()
    begin_transfer()
    try:
        first = next(blocks, b"")
    except BaseException:
        context.transfers.release()
        wait_for_client(0)
        raise
    response = Response(_logged(first, blocks, jid), content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response.headers["Accept-Ranges"] = "bytes"
    response.call_on_close(context.transfers.release)
    return response


def _logged(first: bytes, blocks: Iterator[bytes], jid: JobId) -> Iterator[bytes]:
    try:
        yield first
        yield from blocks
    except (PfconError, OSError) as error:
        log.error("job %s: its log was cut short: %s", jid, error)
        raise
