"""A log of which the first part and the last are kept, in several files of one directory, and how it is read.

``log`` is the first part, of at most half of what may be kept. What follows is in ``log.<n>``: n is the number of bytes
that the job had written before it. A file is full at a quarter; then the next begins, and the last two of them stay. So
what was left out shows in the files' names and sizes, also when whoever wrote them was killed.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from pfcon.compute.log import tail
from pfcon.files.flags import READ

FIRST = "log"
_CHARACTER = 4  # bytes of the longest one of UTF-8: ``tail`` leaves out one that was cut
_GONE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO})


class _Part(NamedTuple):
    start: int  # of the job's output, bytes
    size: int
    file: int


def log_tail(directory: int, lines: int, most: int) -> bytes:
    """The last lines of a log in an open directory, at most ``most`` bytes; empty without one. Raises OSError.

    Where a part was left out, a line says so.
    """
    if lines <= 0:
        return b""
    kept = b""
    with ExitStack() as stack:
        for piece in _pieces(_parts(directory, stack)):
            room = most - len(kept)
            if room < _CHARACTER or kept.count(b"\n") > lines:
                break
            # Two lines more: what begins within a part is then never joined to the one before.
            kept = (tail(piece.file, lines + 2, room) if isinstance(piece, _Part) else piece[-room:]) + kept
    end = b"\n" if kept.endswith(b"\n") else b""
    return b"\n".join(kept.removesuffix(b"\n").rsplit(b"\n", lines)[-lines:]) + end


def _parts(directory: int, stack: ExitStack) -> list[_Part]:
    """What there is, in order; a file that goes while we look was not the last."""
    found = []
    for name in os.listdir(directory):
        start = 0 if name == FIRST else _start(name)
        if start is None:
            continue
        try:
            file = os.open(name, READ, dir_fd=directory)
        except OSError as fault:
            if fault.errno in _GONE:
                continue
            raise
        stack.callback(os.close, file)
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode):
            found.append(_Part(start, status.st_size, file))
    return sorted(found)


def _start(name: str) -> int | None:
    number = name.removeprefix(f"{FIRST}.")
    return int(number) if number != name and number.isascii() and number.isdecimal() and len(number) < 19 else None


def _pieces(parts: list[_Part]) -> Iterator[_Part | bytes]:
    """The parts from the last to the first, and a line for each gap between two of them."""
    below: _Part | None = None
    for part in reversed(parts):
        if below is not None:
            missing = below.start - part.start - part.size
            if missing > 0:
                yield _notice(missing, part)
        yield part
        below = part


def _notice(missing: int, above: _Part) -> bytes:
    last = os.pread(above.file, 1, above.size - 1) if above.size else b"\n"
    begin = b"" if last == b"\n" else b"\n"
    return begin + f"pfcon: {missing} bytes of the log are left out here (PFCON_LOG_BYTES)\n".encode()
