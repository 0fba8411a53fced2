"""Cuts the bytes of a log into whole lines. No I/O of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from pfcon.jobs.logs.part import LogPart

LONGEST = 64 * 1024  # bytes of one piece; a longer line is cut

Read = Callable[[int, int], LogPart]  # (offset, most)


@dataclass(frozen=True)
class Lines:
    """Whole lines, or a piece of a long one. end: the offset after them."""

    text: str
    end: int


@dataclass(frozen=True)
class Gap:
    """Bytes of the log that are left out. end: the offset after them."""

    nbytes: int
    end: int


@dataclass(frozen=True)
class Rest:
    """There is no whole line. complete: nor will there be one. again: the log is shorter than the offset.

    So it has begun again, as that of an operation that is run again; or the engine has lost it, once the job has ended.
    """

    complete: bool = False
    again: bool = False


def next_piece(read: Read, at: int) -> Lines | Gap | Rest:
    """Return what a log has at an offset. Raises what ``read`` raises.

    A line without an end is returned when nothing follows it, when a gap does, or when it is longer than LONGEST.
    """
    part = read(at, LONGEST)
    if part.end < at:
        return Rest(again=True)
    if part.start > at:
        return Gap(part.start - at, part.start)
    data, is_last = part.data, False
    while len(data) < LONGEST and b"\n" not in data and part.end > at + len(data):
        part = read(at + len(data), LONGEST - len(data))
        if part.start > at + len(data):
            is_last = True  # a gap follows
            break
        if not part.data:
            break
        data += part.data
    whole = data.rfind(b"\n") + 1
    if not whole and (is_last or part.complete):
        whole = len(data)
    if not whole and len(data) >= LONGEST:
        whole = _at_character(data)
    if not whole:
        return Rest(complete=part.complete)
    return Lines(data[:whole].decode("utf-8", "replace").replace("\0", "\ufffd"), at + whole)


def _at_character(data: bytes) -> int:
    """Return the length of the data without the beginning of a character in UTF-8 at its end."""
    for back in range(1, 4):
        byte = data[-back]
        if byte >= 0xC0:  # the first byte of a character of several
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if needed > back else len(data)
        if byte < 0x80:
            break
    return len(data)
