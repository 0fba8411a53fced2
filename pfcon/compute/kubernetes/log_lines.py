"""The lines of a pod's log, each with the time that the kubelet has put before it. Pure."""

import re
from collections.abc import Iterable, Iterator

from pfcon.compute.log_copy import LONG_LINE
from pfcon.compute.timed_log import Message

_LINE = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[-+]\d\d:\d\d)) ", re.ASCII)


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """Yield the lines of a log that was requested with its times; long ones in parts.

    A line without a time is from the kubelet, which reports a log that it can't read in this way, and is left out.
    """
    rest, inside = b"", False  # inside: what follows belongs to a line of which a part was yielded
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield from _parts(line + b"\n", inside=inside)
            inside = False
        if inside or len(rest) > LONG_LINE:
            yield from _parts(rest, inside=inside)
            rest, inside = b"", True
    yield from _parts(rest, inside=inside)


def _parts(line: bytes, *, inside: bool) -> Iterator[Message]:
    if inside and line:
        yield Message(None, line)
    elif found := _LINE.match(line):
        yield Message(found[1], line[found.end() :])
