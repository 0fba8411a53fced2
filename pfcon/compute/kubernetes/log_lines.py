"""The lines of a pod's log, each with the time that the kubelet has put before it. Pure.

A container runtime keeps a long line in parts of 8 or 16 KiB. Older kubelets, as of 1.20, put a time before each part.
"""

import re
from collections.abc import Iterable, Iterator

from pfcon.compute.log_copy import LONG_LINE
from pfcon.compute.timed_log import Message

_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[-+]\d\d:\d\d)) ", re.ASCII)
_PART = 8192  # bytes


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Yield the lines of a log that was requested with its times; long ones in several messages.

    A line without a time is from the kubelet, which reports a log that it can't read in this way, and is left out.
    """
    rest, inside = b"", False  # inside: what follows belongs to a line of which whole parts were yielded
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield from _message(line + b"\n", inside=inside)
            inside = False
        if len(rest) > LONG_LINE and (inside or _TIME.match(rest)):
            end = _last_part(rest)
            yield from _message(rest[:end], inside=inside)
            rest, inside = rest[end:], True
    yield from _message(rest, inside=inside)


def _message(text: bytes, *, inside: bool) -> Iterator[Message]:
    found = _TIME.match(text)
    if inside:
        if text:
            yield Message(None, _without_times(text))
    elif found:
        long = len(text) > found.end() + _PART
        yield Message(found[1], _without_times(text) if long else text[found.end() :])


def _without_times(text: bytes) -> bytes:
    """Return what begins with a part of a line, without the times before parts."""
    return b"".join(text[start:end] for start, end in _parts_of(text))


def _last_part(text: bytes) -> int:
    """Return the end of the last whole part of a line: what follows may be a time that is not complete yet."""
    return max(end for start, end in _parts_of(text) if end - start == _PART)


def _parts_of(text: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while position < len(text):
        if found := _TIME.match(text, position):
            position = found.end()
        yield position, min(position + _PART, len(text))
        position += _PART
