"""Builders of uploads: sound zips, and evil ones that no zip program would write."""

import io
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from pfcon.settings.model import UploadLimits
from pfcon.storage.base import Upload

MIB = 1 << 20
NO_LIMITS = UploadLimits(upload_bytes=0, unpacked_bytes=0, files=0, ratio=0, free_bytes=0, form_bytes=MIB)


def good_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip as CUBE makes it; a name that ends in ``/`` is a directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass(frozen=True)
class RawMember:
    """A member whose every field may lie. None means the true value."""

    name: bytes
    data: bytes = b"data"
    mode: int = stat.S_IFREG | 0o644
    flags: int = 0x800
    method: int = 8
    size: int | None = None
    packed: int | None = None
    crc: int | None = None
    offset: int | None = None
    extra: bytes = b""  # in the central directory


def deflate(data: bytes) -> bytes:
    """A raw deflate stream."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


def raw_zip(*members: RawMember, count: int | None = None, prefix: bytes = b"") -> bytes:
    """A zip of members as they say they are; ``count`` overrides the number in its last record."""
    body, central = b"", b""
    for member in members:
        payload = deflate(member.data) if member.method == 8 else member.data
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        packed = len(payload) if member.packed is None else member.packed
        size = len(member.data) if member.size is None else member.size
        offset = len(body) if member.offset is None else member.offset
        common = struct.pack("<HHHHHLLL", 20, member.flags, member.method, 0, 0x21, crc, packed, size)
        body += b"PK\x03\x04" + common + struct.pack("<HH", len(member.name), 0) + member.name + payload
        central += b"PK\x01\x02" + struct.pack("<BB", 20, 3) + common
        central += struct.pack("<HHHHHLL", len(member.name), len(member.extra), 0, 0, 0, member.mode << 16, offset)
        central += member.name + member.extra
    number = len(members) if count is None else count
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, number, number, len(central), len(body), 0)
    return prefix + body + central + end


def spooled(content: bytes, directory: str | None = None) -> Upload:
    """An upload that waits in an unnamed file. Its user closes ``file``."""
    file: BinaryIO = tempfile.TemporaryFile(dir=directory)  # type: ignore[assignment] # noqa: SIM115 - the caller's
    file.write(content)
    file.flush()
    return Upload(file, os.fstat(file.fileno()).st_size)
