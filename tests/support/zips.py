"""Builders of uploads: sound zips, and evil ones that no zip program would write."""

import bz2
import io
import lzma
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pfcon.archive.contents import Contents, read_contents
from pfcon.archive.limits import UploadLimits
from pfcon.archive.unzip import Placing, unpack
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
    """A member whose every field may lie. None means the true value, and ``attributes`` with ``mode``."""

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
    local_extra: bytes = b""
    maker: int = 3
    attributes: int | None = None
    payload: bytes | None = None


def deflate(data: bytes) -> bytes:
    """A raw deflate stream."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


def packed(data: bytes, method: int) -> bytes:
    """Data as a member of a zip has them."""
    if method == 8:
        return deflate(data)
    if method == 12:
        return bz2.compress(data)
    if method == 14:
        return zip_lzma(data, 1 << 20)
    return data


def zip_lzma(data: bytes, dictionary: int, *, marked: bool = True) -> bytes:
    """An LZMA stream as zips have it. dictionary: the size that is said, in bytes; marked: with an end mark."""
    stream = lzma.compress(data, lzma.FORMAT_ALONE)  # which says no size, and so has a mark
    properties, body = stream[:1], stream[13:]
    head = struct.pack("<BBH", 26, 2, 5) + properties + struct.pack("<L", dictionary)
    return head + (body if marked else body[:-6])


def unicode_path(name: bytes, path: str, version: int = 1) -> bytes:
    """Info-ZIP's extra field with a Unicode path, made for a name."""
    content = struct.pack("<BL", version, zlib.crc32(name)) + path.encode()
    return struct.pack("<HH", 0x7075, len(content)) + content


def raw_zip(*members: RawMember, count: int | None = None, prefix: bytes = b"") -> bytes:
    """A zip of members as they say they are; ``count`` overrides the number in its last record."""
    body, central = b"", b""
    for member in members:
        payload = packed(member.data, member.method) if member.payload is None else member.payload
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        npacked = len(payload) if member.packed is None else member.packed
        size = len(member.data) if member.size is None else member.size
        offset = len(body) if member.offset is None else member.offset
        common = struct.pack("<HHHHHLLL", 20, member.flags, member.method, 0, 0x21, crc, npacked, size)
        body += b"PK\x03\x04" + common + struct.pack("<HH", len(member.name), len(member.local_extra))
        body += member.name + member.local_extra + payload
        attributes = member.mode << 16 if member.attributes is None else member.attributes
        central += b"PK\x01\x02" + struct.pack("<BB", 20, member.maker) + common
        central += struct.pack("<HHHHHLL", len(member.name), len(member.extra), 0, 0, 0, attributes, offset)
        central += member.name + member.extra
    number = len(members) if count is None else count
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, number, number, len(central), len(body), 0)
    return prefix + body + central + end


def placing(contents: Contents) -> Placing:
    """All members where they are in the zip."""
    rest = [(None if member.is_dir else member, member.path) for member in contents.members]
    return Placing([], rest, contents.nfiles, contents.unpacked)


def unpack_all(content: bytes, target: Path) -> tuple[str, ...]:
    """Read a zip, unpack it into a new directory; gives back the notes. Raises what these two raise."""
    upload = spooled(content)
    target.mkdir()
    with upload.file:
        contents = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
        unpack(upload.file.fileno(), placing(contents), target, lambda text: None)
    return contents.notes


def spooled(content: bytes, directory: str | None = None) -> Upload:
    """An upload that waits in an unnamed file. Its user closes ``file``."""
    file: BinaryIO = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - the caller's
    file.write(content)
    file.flush()
    return Upload(file, os.fstat(file.fileno()).st_size)
