"""The records of a zip file as bytes (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3). No I/O."""

import struct
import time
from dataclasses import dataclass

STORED, DEFLATED = 0, 8
ZIP64_FROM = 0xF0000000  # bytes of a file; so far below 4 GiB that the overhead of deflate still fits
_FULL = 0xFFFFFFFF
_MANY = 0xFFFF
_VERSION, _VERSION64 = 20, 45
_UNIX = 3
_REGULAR_0644 = 0o100644 << 16
_UTF8 = 0x800
_LATER = 0x08  # CRC and sizes follow the data


@dataclass(slots=True)
class Item:
    """One file of a zip. ``later``: its CRC and sizes are not known when its header is written.

    ``size`` is first the largest possible size; the real one, ``packed`` and ``crc`` must be set before ``central``.
    """

    name: bytes
    mtime: float
    size: int
    later: bool
    method: int = STORED
    packed: int = 0
    crc: int = 0
    offset: int = 0
    big: bool = False

    def __post_init__(self) -> None:
        self.big = self.size >= ZIP64_FROM

    def _common(self) -> bytes:
        flags = _UTF8 | (_LATER if self.later else 0)
        version = _VERSION64 if self.big else _VERSION
        return struct.pack("<HHHHH", version, flags, self.method, *_dos_time(self.mtime))

    def local(self) -> bytes:
        """Return the local header."""
        crc, packed, size = (0, 0, 0) if self.later else (self.crc, self.packed, self.size)
        extra = struct.pack("<HHQQ", 1, 16, 0, 0) if self.big else b""
        if self.big:
            packed = size = _FULL
        tail = struct.pack("<LLLHH", crc, packed, size, len(self.name), len(extra))
        return b"PK\x03\x04" + self._common() + tail + self.name + extra

    def descriptor(self) -> bytes:
        """Return the data descriptor, which follows the data of an item with ``later``."""
        layout = "<4sLQQ" if self.big else "<4sLLL"
        return struct.pack(layout, b"PK\x07\x08", self.crc, self.packed, self.size)

    def central(self) -> bytes:
        """Return the record for the central directory."""
        values = b""
        packed, size, offset = self.packed, self.size, self.offset
        if self.big:
            values = struct.pack("<QQ", size, packed)
            packed = size = _FULL
        if offset >= _FULL:
            values += struct.pack("<Q", offset)
            offset = _FULL
        extra = struct.pack("<HH", 1, len(values)) + values if values else b""
        lengths = struct.pack("<HHHHHLL", len(self.name), len(extra), 0, 0, 0, _REGULAR_0644, offset)
        made_by = struct.pack("<BB", _VERSION64, _UNIX)
        sums = struct.pack("<LLL", self.crc, packed, size)
        return b"PK\x01\x02" + made_by + self._common() + sums + lengths + self.name + extra


def end_records(count: int, size: int, offset: int) -> bytes:
    """Return the end of a zip whose central directory has ``count`` records and ``size`` bytes at ``offset``."""
    records = b""
    if count >= _MANY or size >= _FULL or offset >= _FULL:
        records = struct.pack(
            "<4sQHHLLQQQQ", b"PK\x06\x06", 44, _VERSION64, _VERSION64, 0, 0, count, count, size, offset
        )
        records += struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
    count, size, offset = min(count, _MANY), min(size, _FULL), min(offset, _FULL)
    return records + struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _dos_time(mtime: float) -> tuple[int, int]:
    """Return DOS date and time: local time in steps of two seconds, from 1980 to 2107."""
    try:
        at = time.localtime(mtime)
    except (OverflowError, ValueError, OSError):  # a job may set any time
        return 0, 0x21
    if at.tm_year < 1980:
        return 0, 0x21
    if at.tm_year > 2107:
        return 0xBF7D, 0xFF9F
    return at.tm_hour << 11 | at.tm_min << 5 | min(
        at.tm_sec, 59
    ) // 2, at.tm_year - 1980 << 9 | at.tm_mon << 5 | at.tm_mday
