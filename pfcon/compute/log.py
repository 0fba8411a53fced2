"""Reads the end of a job's log."""

import os

_BLOCK = 64 * 1024  # bytes of one read


def tail(file: int, lines: int, most: int) -> bytes:
    """Return the last lines of an open file, read from its end; at most ``most`` bytes."""
    if lines <= 0:
        return b""
    position = os.fstat(file).st_size
    kept = b""
    while position > 0 and len(kept) < most and kept.count(b"\n") <= lines:
        size = min(_BLOCK, position, most - len(kept))
        position -= size
        kept = os.pread(file, size, position) + kept
    if position > 0 and len(kept) >= most:
        kept = kept.lstrip(bytes(range(0x80, 0xC0)))  # the rest of an incomplete character
    end = b"\n" if kept.endswith(b"\n") else b""
    return b"\n".join(kept.removesuffix(b"\n").rsplit(b"\n", lines)[-lines:]) + end


def clean_log(raw: bytes) -> str:
    """Return a log as text that JSON and CUBE's database accept: valid UTF-8, no NUL."""
    return raw.decode("utf-8", "replace").replace("\x00", "\ufffd")
