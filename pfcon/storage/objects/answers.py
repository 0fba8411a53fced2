"""What requests to both stores and their answers have in common: timeouts, ranges, bodies, MD5s, texts of errors."""

import logging
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pfcon.errors import Refused
from pfcon.storage.objects.store import Transient

CHUNK = 256 << 10  # bytes; larger ones are new memory each time
_MD5 = re.compile(r"[0-9a-f]{32}")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_TAG = re.compile(r"<[^>]*>")
_MAX_TEXT = 300


class Timeouts(NamedTuple):
    """Seconds for a connection (or the sending of 64 KiB), and for any silence of the store in an answer."""

    connect: float = 10.0
    read: float = 60.0


def plain(text: str | bytes, secrets: tuple[str, ...] = ()) -> str:
    """A store's text as one line of bounded length, without tags of HTML and without secrets."""
    line = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join(_TAG.sub(" ", line).split())
    for secret in filter(None, secrets):
        line = line.replace(secret, "***")
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def not_utf8(name: str | None, place: str) -> Refused:
    """The error for a name that no store can be told."""
    return Refused(f"{name!r} in {place}: the name is not UTF-8")


def seconds(value: str | None) -> float:
    """What a header Retry-After asks for; 0 for none and for a date."""
    return float(value) if value and re.fullmatch(r"\d{1,6}", value) else 0.0


def md5_of(etag: str) -> str:
    """An ETag that has the form of an MD5, else ``""``."""
    return etag if _MD5.fullmatch(etag) else ""


def range_header(start: int, size: int | None) -> str:
    """Of ``size`` bytes from ``start`` on (None: to the end); ``""`` for all of an object."""
    if start == 0 and size is None:
        return ""
    return f"bytes={start}-" if size is None else f"bytes={start}-{start + size - 1}"


def extent(content_range: str | None, content_length: int) -> tuple[int, int, int]:
    """Where an answer begins, how many bytes it has, and how many the object has (RFC 9110, "Content-Range")."""
    if found := _CONTENT_RANGE.fullmatch(content_range or ""):
        first, last, total = (int(number) for number in found.groups())
        return first, last - first + 1, total
    return 0, content_length, content_length


def body(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """The bytes of a body, at most 256 KiB at a time. Raises Transient when it ends before ``size`` bytes."""
    left = size
    while left:
        chunk = read(min(left, CHUNK))
        if not chunk:
            raise Transient(f"the answer ended {left} bytes early")
        left -= len(chunk)
        yield chunk


def hush(*names: str) -> None:
    """Keep libraries from logging requests, whose headers hold tokens and signatures; warnings stay."""
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
