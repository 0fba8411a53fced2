"""Reads a log of limited size, of which only the first and the last part are kept, in several files of a directory.

``log`` is the first part, with at most half of the size limit. The rest is in files ``log.<n>``: n is the number of
bytes that the job had written before. A file is full at a quarter of the limit; then the next one begins, and only the
last two are kept. So the files' names and sizes show which bytes are missing, also if the writer was killed.
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
_CHARACTER = 4  # bytes of the longest character in UTF-8: ``tail`` omits an incomplete one
_GONE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO})
_TRIES = 5
_LAST = 3  # files of the last part, of which a writer keeps fewer; a job may make others


class _Part(NamedTuple):
    start: int  # offset in the job's output, in bytes
    size: int
    file: int


def log_tail(directory: int, lines: int, most: int) -> bytes:
    """Return the last lines of a log in an open directory, at most ``most`` bytes; empty if missing. Raises OSError.

    A line marks each gap.
    """
    if lines <= 0:
        return b""
    kept = b""
    with ExitStack() as stack:
        for piece in _pieces(_parts(directory, stack)):
            room = most - len(kept)
            if room < _CHARACTER or kept.count(b"\n") > lines:
                break
            # Two more lines, so that the incomplete first line of a part is never joined to the part before it.
            kept = (tail(piece.file, lines + 2, room) if isinstance(piece, _Part) else piece[-room:]) + kept
    end = b"\n" if kept.endswith(b"\n") else b""
    return b"\n".join(kept.removesuffix(b"\n").rsplit(b"\n", lines)[-lines:]) + end


class Stretch(NamedTuple):
    """Bytes of a log that follow each other. start: offset of the first one. end: offset after the log's last one."""

    start: int
    data: bytes
    end: int


def read_at(directory: int, offset: int, most: int, total: int | None = None) -> Stretch:
    """Return the first bytes at or after an offset of a log in an open directory, at most ``most``. Raises OSError.

    Without any, ``data`` is empty, and ``start`` the larger one of ``offset`` and ``end``. total: the length of the
    log, if files may have more.
    """
    with ExitStack() as stack:
        parts = _parts(directory, stack)
        end = max((part.start + part.size for part in parts), default=0) if total is None else total
        begin, blocks, next_byte = offset, list[bytes](), offset
        for part in parts:
            start = max(part.start, next_byte)
            size = min(part.start + part.size, end) - start
            if size <= 0:
                continue
            if blocks and (start > next_byte or next_byte - begin >= most):
                break
            begin = begin if blocks else start
            blocks.append(os.pread(part.file, min(size, most - (start - begin)), start - part.start))
            next_byte = start + len(blocks[-1])
    if not blocks:
        begin = max(offset, end)
    return Stretch(begin, b"".join(blocks), end)


def stretches(directory: int, total: int | None = None) -> list[tuple[int, int]]:
    """Return where the kept bytes of a log in an open directory begin and end, in order. Raises OSError.

    total: the length of the log, if files may have more.
    """
    found: list[tuple[int, int]] = []
    with ExitStack() as stack:
        for part in _parts(directory, stack):
            start, end = part.start, part.start + part.size
            if total is not None:
                end = min(end, total)
            if found and found[-1][1] >= start:
                start = found.pop()[0]
            if end > start:
                found.append((start, end))
    return found


def _parts(directory: int, stack: ExitStack) -> list[_Part]:
    """Return the existing parts, in order.

    One that was removed since they were listed shows that there are newer ones: they are listed again.
    """
    for _ in range(_TRIES):
        found, complete = _open_parts(directory, stack)
        if complete:
            break
    return found


def _open_parts(directory: int, stack: ExitStack) -> tuple[list[_Part], bool]:
    """Return the parts, in order, and whether all that were listed still exist."""
    found, complete = [], True
    starts = sorted({start for name in os.listdir(directory) if (start := _start(name)) is not None})
    for start in [*starts[:1], *starts[1:][-_LAST:]]:
        try:
            file = os.open(f"{FIRST}.{start}" if start else FIRST, READ, dir_fd=directory)
        except OSError as fault:
            if fault.errno not in _GONE:
                raise
            complete = complete and fault.errno != errno.ENOENT
            continue
        stack.callback(os.close, file)
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode):
            found.append(_Part(start, status.st_size, file))
    return sorted(found), complete


def _start(name: str) -> int | None:
    if name == FIRST:
        return 0
    number = name.removeprefix(f"{FIRST}.")
    return int(number) if number != name and number.isascii() and number.isdecimal() and len(number) < 19 else None


def _pieces(parts: list[_Part]) -> Iterator[_Part | bytes]:
    """Yield the parts from the last to the first, and a line for each gap between two of them."""
    below: _Part | None = None
    for part in reversed(parts):
        if below is not None:
            missing = below.start - part.start - part.size
            if missing > 0:
                yield _notice(missing, part)
        yield part
        below = part


def _notice(missing: int, above: _Part) -> bytes:
    return gap_line(missing, os.pread(above.file, 1, above.size - 1) if above.size else b"")


def gap_line(missing: int, before: bytes) -> bytes:
    """Return the line that stands for bytes that are left out. before: the end of what is before it."""
    begin = b"\n" if before and not before.endswith(b"\n") else b""
    return begin + f"pfcon: {missing} bytes of the log are left out here (PFCON_LOG_BYTES)\n".encode()
