"""Reads a zip's central directory in constant memory (PKWARE APPNOTE 6.3.10, sections 4.3.12 to 4.3.16).

The standard library's ``zipfile`` reads the whole directory, with an object for each member, before a limit can be
applied; it hides the raw names, and takes longer than unpacking a small file.
"""

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from pfcon.archive.faults import NO_ZIP64, bad_zip

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_MAX_COMMENT = 0xFFFF
_IS_IN_EXTRA = 0xFFFFFFFF
_ZIP64 = 1  # an extra field's kind
_WRAP = 1 << 32  # bytes; 32-bit fields wrap around at this value
_BLOCK = 1 << 20


class Directory(NamedTuple):
    """The position of the central directory. ``shift``: bytes of other data before the zip."""

    start: int
    size: int
    members: int
    shift: int


class Entry(NamedTuple):
    """One record of the central directory, unchecked. offset: of the local header in the file, in bytes.

    maker: the system of the attributes (APPNOTE 4.4.2). attributes: the external ones; for most systems, their upper
    half is an st_mode. extra: all extra fields.
    """

    name: bytes
    maker: int
    flags: int
    attributes: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    extra: bytes


def find_directory(fd: int, file_size: int) -> Directory:
    """Find the central directory of a file of ``file_size`` bytes. Raises InvalidFields if it is missing."""
    tail_start = max(0, file_size - _END.size - _MAX_COMMENT)
    tail = os.pread(fd, file_size - tail_start, tail_start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise bad_zip("it has no central directory")
    _, disk, start_disk, _, count, size, offset, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    big = _find_zip64(fd, end)
    if big is not None:
        end, disk, start_disk, count, size, offset = big
    if disk or start_disk:
        raise bad_zip("it is one part of a split zip; join the parts with `zip -s 0` or 7-Zip")
    shift = end - size - offset
    if shift < 0:
        raise bad_zip("its central directory is outside of the file")
    if shift and shift % _WRAP == 0 and big is None:
        raise bad_zip(f"it has more than 4 GiB and no ZIP64 records; {NO_ZIP64}")
    return Directory(offset + shift, size, count, shift)


def _find_zip64(fd: int, end: int) -> tuple[int, int, int, int, int, int] | None:
    locator = os.pread(fd, _END64_LOCATOR.size, end - _END64_LOCATOR.size) if end > _END64_LOCATOR.size else b""
    if not locator.startswith(b"PK\x06\x07"):
        return None
    recorded = _END64_LOCATOR.unpack(locator)[2]
    for at in (
        recorded,
        end - _END64_LOCATOR.size - _END64.size,
    ):  # the second where data were put before the zip
        raw = os.pread(fd, _END64.size, at) if 0 <= at < end else b""
        if len(raw) == _END64.size and raw.startswith(b"PK\x06\x06"):
            _, _, _, _, disk, start_disk, _, count, size, offset = _END64.unpack(raw)
            return at, disk, start_disk, count, size, offset
    raise bad_zip("its ZIP64 directory is missing")


def entries(fd: int, directory: Directory) -> Iterator[Entry]:
    """Yield the records in order. Raises InvalidFields for a malformed record, or if their number is wrong."""
    position, left, buffer, at, count = directory.start, directory.size, b"", 0, 0
    while left or at < len(buffer):
        if len(buffer) - at < _ENTRY.size + 3 * 0xFFFF and left:  # a record may be that long
            block = os.pread(fd, min(_BLOCK, left), position)
            if not block:
                raise bad_zip("it is cut off")
            buffer, at = buffer[at:] + block, 0
            position, left = position + len(block), left - len(block)
        entry, at = _parse(buffer, at, directory.shift)
        count += 1
        yield entry
    if (count ^ directory.members) & 0xFFFF:  # writers without ZIP64 keep the low 16 bits of the number
        raise bad_zip(f"its central directory declares {directory.members} members but has {count}")


def _parse(buffer: bytes, at: int, shift: int) -> tuple[Entry, int]:
    if len(buffer) - at < _ENTRY.size or not buffer.startswith(b"PK\x01\x02", at):
        raise bad_zip("its central directory is damaged")
    record = _ENTRY.unpack_from(buffer, at)
    _, _, maker, _, _, flags, method, _, _, crc, packed, size = record[:12]
    name_length, extra_length, comment_length, _, _, attributes, offset = record[12:]
    name_at = at + _ENTRY.size
    extra_at = name_at + name_length
    after = extra_at + extra_length + comment_length
    if after > len(buffer):
        raise bad_zip("its central directory is cut off")
    extra = buffer[extra_at : extra_at + extra_length]
    if _IS_IN_EXTRA in (packed, size, offset):
        size, packed, offset = _whole(extra, size, packed, offset)
    name = buffer[name_at:extra_at]
    return Entry(name, maker, flags, attributes, method, crc, packed, size, offset + shift, extra), after


def extra_field(extra: bytes, wanted: int) -> bytes | None:
    """Return the content of the first extra field of a kind; None if it is missing."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None


def _whole(extra: bytes, *fields: int) -> list[int]:
    """Return size, packed size and offset, with values from the ZIP64 extra field for those that did not fit."""
    field = extra_field(extra, _ZIP64)
    if field is None:
        return list(fields)
    found, at = [], 0
    for value in fields:
        if value == _IS_IN_EXTRA:
            if at + 8 > len(field):
                raise bad_zip("a ZIP64 field is cut off")
            value = struct.unpack_from("<Q", field, at)[0]  # noqa: PLW2901 - the same quantity, complete
            at += 8
        found.append(value)
    return found
