"""The log of a job as text, whole or a range of its bytes (RFC 9110, section 14)."""

import logging
import re
import time
from collections.abc import Iterator

from flask import Response, request
from werkzeug.http import parse_range_header

from pfcon.api.context import current
from pfcon.api.transfers import begin_transfer, wait_for_client
from pfcon.compute.kept_log import gap_line
from pfcon.errors import OutOfRange, PfconError
from pfcon.jobs.logs.part import LogPart
from pfcon.jobs.logs.service import JobLogs
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record

log = logging.getLogger(__name__)

_BLOCK = 256 * 1024  # bytes
_PAUSE = 0.25  # seconds between two looks at a log that is still being copied
_NO_BYTES = re.compile(r"\s*bytes\s*=\s*-0+\s*")  # the last 0 bytes, which werkzeug does not take for a range
MEDIA_TYPE = "text/plain"


def log_response(jid: JobId, kind: JobKind) -> Response:
    """Return the log of a job as it is now, or the range that the request asks for.

    Offsets are those in the job's output. Several ranges, and other units than bytes, are ignored. Raises Absent,
    Unreachable, StorageFull, OutOfRange.
    """
    context = current()
    record = context.jobs.logs.record(jid, kind)
    begin_transfer()  # before the log is copied, which may take long
    try:
        response = _response(context.jobs.logs, record)
    except BaseException:
        context.transfers.release()
        wait_for_client(0)
        raise
    response.call_on_close(context.transfers.release)
    return response


def _response(logs: JobLogs, record: Record) -> Response:
    logs.update(record)
    end = logs.read_of(record, 0, 1).end
    wanted = _range(end)
    if wanted is None:
        return _stream(whole_log(logs, record), record.jid)
    found = _kept(logs.stretches(record), *wanted)
    if found is None:
        raise OutOfRange(f"the log has {end} bytes, and none of this range is kept", end)
    first, after = found
    response = _stream(_exactly(logs, record, first, after), record.jid)
    response.status_code = 206
    response.headers["Content-Range"] = f"bytes {first}-{after - 1}/{end}"
    response.content_length = after - first
    return response


def _range(end: int) -> tuple[int, int] | None:
    """Return the range that is asked for, by offsets, of a log of so many bytes.

    None for the whole. There is nothing that ``If-Range`` could match.
    """
    text = None if "If-Range" in request.headers else request.headers.get("Range")
    if text is not None and _NO_BYTES.fullmatch(text):
        return end, end
    found = parse_range_header(text)
    if found is None or found.units != "bytes" or len(found.ranges) != 1:
        return None
    first, after = found.ranges[0]
    return (first if first >= 0 else max(0, end + first)), (end if after is None else min(after, end))


def _kept(stretches: list[tuple[int, int]], first: int, after: int) -> tuple[int, int] | None:
    """Return the first bytes of a range that are kept and follow each other, by offsets; None if there are none."""
    for start, end in stretches:
        if max(start, first) < min(end, after):
            return max(start, first), min(end, after)
    return None


def whole_log(logs: JobLogs, record: Record) -> Iterator[bytes]:
    """Yield a log as it is now, with a line for what was left out; also what is still being copied."""
    offset, last, goes_on = 0, b"\n", True
    was_incomplete = False
    while goes_on:
        goes_on = logs.is_copying(record)
        was_incomplete |= goes_on
        end = logs.read_of(record, 0, 1).end
        while offset < end:
            part = _read(logs, record, offset, end)
            if part.start > offset:
                yield gap_line(part.start - offset, last)
            yield part.data
            offset, last = part.start + len(part.data), part.data[-1:]
        if goes_on:
            time.sleep(_PAUSE)
    if was_incomplete and record.phase is Phase.FINAL and not logs.read_of(record, offset, 1).complete:
        raise ConnectionAbortedError(f"the rest of the log of job {record.jid} can't be copied now")


def _exactly(logs: JobLogs, record: Record, first: int, after: int) -> Iterator[bytes]:
    """Yield the bytes of a range, all of which are kept. Raises Absent if they no longer are: the answer is cut off."""
    while first < after:
        part = _read(logs, record, first, after)
        if part.start != first:
            log.info("job %s: its log has grown beyond the limit while a range of it was sent", record.jid)
            raise ConnectionAbortedError
        yield part.data
        first += len(part.data)


def _read(logs: JobLogs, record: Record, offset: int, end: int) -> LogPart:
    """Read a part of a log that has had ``end`` bytes. Raises ConnectionAbortedError once it was deleted."""
    part = logs.read_of(record, offset, min(_BLOCK, end - offset))
    if not part.data or part.end < end:
        raise ConnectionAbortedError(f"the log of job {record.jid} was deleted while it was sent")
    return part


def _stream(blocks: Iterator[bytes], jid: JobId) -> Response:
    response = Response(_logged(next(blocks, b""), blocks, jid), content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _logged(first: bytes, blocks: Iterator[bytes], jid: JobId) -> Iterator[bytes]:
    try:
        yield first
        yield from blocks
    except (PfconError, OSError) as error:
        log.error("job %s: its log was cut short: %s", jid, error)
        raise
