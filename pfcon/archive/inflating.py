"""Reads the content of members."""

import os
from collections.abc import Generator, Iterator

from pfcon.archive.deflate import CODEC
from pfcon.archive.faults import NO_ZIP64, bad_zip, shown_name
from pfcon.archive.members import LOCAL_HEADER_BYTES, Member
from pfcon.archive.methods import DEFLATED, FAULTS, STORED, unpacker

CHUNK = 128 << 10  # bytes of one read, and at most of one write
_DEFLATE_MOST = 1032  # largest ratio of unpacked bytes to bytes of a deflate stream


def read_small(fd: int, member: Member) -> bytes:
    """Return the content of a member of at most 1 MiB. Raises InvalidFields if it is damaged."""
    span = min(member.end - member.offset, LOCAL_HEADER_BYTES + 2 * 0xFFFF + member.packed)
    return bytes(inflate_small(memoryview(os.pread(fd, span, member.offset)), member))


def verify(member: Member, size: int, crc: int) -> None:
    """Raise InvalidFields unless a member has the declared size and CRC-32."""
    if size > member.size:
        large = member.size + (1 << 32) <= member.packed * _DEFLATE_MOST
        raise bad_zip(
            f"member {shown_name(member.path)} has more than the {member.size} bytes that it declares"
            + (f"; if it has more than 4 GiB: {NO_ZIP64}" if large else "")
        )
    if size < member.size:
        raise bad_zip(f"member {shown_name(member.path)} has only {size} of the {member.size} bytes that it declares")
    if crc != member.crc:
        raise bad_zip(f"member {shown_name(member.path)} has a wrong CRC-32")


def _damaged(member: Member) -> Exception:
    return bad_zip(f"member {shown_name(member.path)} can't be unpacked: its data are damaged")


def _data_start(header: bytes | memoryview, member: Member) -> int:
    """Return the offset of the data, relative to the local header."""
    if len(header) < LOCAL_HEADER_BYTES or bytes(header[:4]) != b"PK\x03\x04":
        raise bad_zip(f"member {shown_name(member.path)} has no local header")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = LOCAL_HEADER_BYTES + lengths
    if member.offset + start + member.packed > member.end:
        raise bad_zip(f"member {shown_name(member.path)} overlaps with what follows it")
    return start


def inflate_small(block: memoryview, member: Member) -> bytes | memoryview:
    """Return the content of a member from its bytes in the zip, with the header. Raises InvalidFields if damaged."""
    start = _data_start(block, member)
    packed = block[start : start + member.packed]
    if len(packed) < member.packed:
        raise bad_zip("it is cut off")
    data: bytes | memoryview = packed
    if member.method != STORED:
        try:
            if member.method == DEFLATED:  # nearly all
                data = CODEC.inflater().decompress(packed, member.size + 1)
            else:
                with unpacker(member.method, member.path, member.size) as inflater:
                    data = inflater.decompress(packed, member.size + 1)
        except FAULTS:
            raise _damaged(member) from None
    verify(member, len(data), CODEC.crc32(data))
    return data


def _packed(fd: int, member: Member) -> Iterator[bytes]:
    at = member.offset + _data_start(os.pread(fd, LOCAL_HEADER_BYTES, member.offset), member)
    left = member.packed
    while left:
        chunk = os.pread(fd, min(CHUNK, left), at)
        if not chunk:
            raise bad_zip("it is cut off")
        at, left = at + len(chunk), left - len(chunk)
        yield chunk


def inflated(fd: int, member: Member) -> Generator[bytes, None, None]:
    """Yield the content of a member in chunks of at most CHUNK bytes, unverified. Raises InvalidFields."""
    if member.method == STORED:
        yield from _packed(fd, member)
        return
    try:
        with unpacker(member.method, member.path, member.size) as inflater:
            for chunk in _packed(fd, member):
                data = inflater.decompress(chunk, CHUNK)
                while data:
                    yield data
                    data = b"" if inflater.eof else inflater.decompress(inflater.unconsumed_tail, CHUNK)
                if inflater.eof:
                    return
    except FAULTS:
        raise _damaged(member) from None
    raise bad_zip(f"member {shown_name(member.path)} ends in the middle of its data")
