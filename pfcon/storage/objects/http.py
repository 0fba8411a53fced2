"""HTTP helpers for both stores: timeouts, ranges, response bodies, Retry-After, MD5s in ETags, texts of errors."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pfcon.errors import Refused
from pfcon.storage.objects.store import Transient

CHUNK = 256 << 10  # bytes; larger chunks are newly allocated each time
_MD5 = re.compile(r"[0-9a-f]{32}")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_TAG = re.compile(r"<[^>]*>")
_MAX_TEXT = 300


class Timeouts(NamedTuple):
    """Seconds. ``connect``: to connect, or to send 64 KiB. ``read``: longest wait for the next bytes of a response."""

    connect: float = 10.0
    read: float = 60.0


def one_line(text: str | bytes, secrets: tuple[str, ...] = ()) -> str:
    """Return a store's text as one line of at most 300 characters, without HTML tags and secrets (``***``)."""
    line = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join(_TAG.sub(" ", line).split())
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def not_utf8(name: str | None, place: str) -> Refused:
    """Return the error for an object name that has no UTF-8 form and so can't be in a request."""
    return Refused(f"{name!r} in {place}: the name is not valid Unicode")


def retry_after_seconds(value: str | None) -> float:
    """Return the seconds of a Retry-After header; 0 if it is missing or contains a date."""
    return float(value) if value and re.fullmatch(r"\d{1,6}", value) else 0.0


def md5_of(etag: str) -> str:
    """Return the ETag if it has the form of a hex MD5, else ``""``."""
    return etag if _MD5.fullmatch(etag) else ""


def range_header(start: int, size: int | None) -> str:
    """Return the Range header for ``size`` bytes (None: the rest) from offset ``start``; ``""`` for a whole object."""
    if start == 0 and size is None:
        return ""
    return f"bytes={start}-" if size is None else f"bytes={start}-{start + size - 1}"


def extent(content_range: str | None, content_length: int) -> tuple[int, int, int]:
    """Return a response's offset in the object, its length, and the object's size (RFC 9110, Content-Range). Bytes."""
    if found := _CONTENT_RANGE.fullmatch(content_range or ""):
        first, last, total = (int(number) for number in found.groups())
        return first, last - first + 1, total
    return 0, content_length, content_length


def read_body(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """Yield the bytes of a response body, at most 256 KiB each. Raises Transient if it ends before ``size`` bytes."""
    left = size
    while left:
        chunk = read(min(left, CHUNK))
        if not chunk:
            raise Transient(f"the answer ended {left} bytes early")
        left -= len(chunk)
        yield chunk


def quiet_request_logs(*names: str) -> None:
    """Set these loggers to WARNING: libraries log request headers, which contain tokens and signatures."""
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
