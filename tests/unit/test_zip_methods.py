"""Members that are packed with BZip2 or LZMA, in bounded memory; and those above 4 GiB whose zip does not know it."""

import random
import threading
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from support.zips import MIB, NO_LIMITS, RawMember, good_zip, packed, raw_zip, spooled, unpack_all, zip_lzma

from pfcon.archive import methods
from pfcon.archive.contents import read_contents
from pfcon.archive.inflating import inflated
from pfcon.archive.members import Member
from pfcon.errors import InvalidFields
from pfcon.testing.files import tree

BZIP2, LZMA = 12, 14
TEXT = random.Random(7).randbytes(900) * 1300  # 1.1 MiB: no small member
FILES = {"a.txt": b"alpha" * 99, "d/large": TEXT, "empty": b""}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_are_unpacked_as_they_were_packed(tmp_path: Path, method: int) -> None:
    unpack_all(good_zip(FILES, method), tmp_path / "out")
    assert tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("data", [b"x" * 99, TEXT])
def test_an_lzma_stream_without_an_end_mark_ends_with_the_declared_size(tmp_path: Path, data: bytes) -> None:
    member = RawMember(b"f", data, method=LZMA, payload=zip_lzma(data, 1 << 26, marked=False))
    unpack_all(raw_zip(member), tmp_path / "out")
    assert tree(tmp_path / "out") == {"f": data}


DAMAGED = {
    "no header": (RawMember(b"m", method=LZMA, payload=b"\x1a\2\5\0\x5d"), "can't be unpacked"),
    "a wrong header": (RawMember(b"m", method=LZMA, payload=b"\x1a\2\6\0" + bytes(20)), "can't be unpacked"),
    "wrong properties": (RawMember(b"m", method=LZMA, payload=b"\x1a\2\5\0\xff" + bytes(20)), "can't be unpacked"),
    "no BZip2 stream": (RawMember(b"m", method=BZIP2, payload=b"BZh9 or so"), "can't be unpacked"),
}


@pytest.mark.parametrize("size", [99, 3 * MIB])
@pytest.mark.parametrize(("member", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_streams_are_found(tmp_path: Path, member: RawMember, reason: str, size: int) -> None:
    with pytest.raises(InvalidFields, match="Bad zip file: member 'm'") as raised:
        unpack_all(raw_zip(RawMember(**{**vars(member), "size": size})), tmp_path / "out")
    assert reason in str(raised.value)


@pytest.mark.parametrize("method", [BZIP2, LZMA])
@pytest.mark.parametrize("data", [b"x" * 99, TEXT])
def test_cut_streams_and_wrong_sums_are_found(tmp_path: Path, method: int, data: bytes) -> None:
    for number, member in enumerate(
        [
            RawMember(b"m", data, method=method, payload=packed(data, method)[:-20]),
            RawMember(b"m", data, method=method, crc=1),
            RawMember(b"m", data, method=method, size=len(data) + 1),
            RawMember(b"m", data, method=method, size=len(data) - 1),
        ]
    ):
        with pytest.raises(InvalidFields, match="Bad zip file: member 'm'"):
            unpack_all(raw_zip(member), tmp_path / str(number))


def test_a_dictionary_takes_no_more_memory_than_the_member(tmp_path: Path) -> None:
    """It may say 4 GiB."""
    content = raw_zip(RawMember(b"f", TEXT, method=LZMA, payload=zip_lzma(TEXT, 0xFFFFFFFF)))
    tracemalloc.start()
    unpack_all(content, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * MIB
    assert tree(tmp_path / "out") == {"f": TEXT}


def test_a_dictionary_that_is_too_large_is_refused_with_the_way_out(tmp_path: Path) -> None:
    member = RawMember(b"f", b"x", method=LZMA, payload=zip_lzma(b"x", 256 * MIB), size=300 * MIB)
    with pytest.raises(
        InvalidFields, match=r"'f' is packed with an LZMA dictionary of 256\.0 MiB, more than 64\.0 MiB.*-md="
    ):
        unpack_all(raw_zip(member), tmp_path / "out")


def test_large_dictionaries_wait_for_each_other() -> None:
    payload = zip_lzma(b"x" * 99, 64 * MIB)
    content = raw_zip(RawMember(b"f", b"x" * 99, method=LZMA, payload=payload, size=64 * MIB))
    upload = spooled(content)
    with upload.file:
        fd = upload.file.fileno()
        (member,) = read_contents(fd, upload.size, NO_LIMITS).members
        first = inflated(fd, member)
        assert next(first) == b"x" * 99
        got: list[bytes] = []
        other = threading.Thread(target=lambda: got.append(_first(fd, member)))
        other.start()
        other.join(0.2)
        assert not got
        first.close()
        other.join(120)
        assert got == [b"x" * 99]
        assert methods._DICTIONARIES._free == methods.LZMA_MOST


def _first(fd: int, member: Member) -> bytes:
    chunks = inflated(fd, member)
    try:
        return next(chunks)
    finally:
        chunks.close()


def test_a_zip_above_4_gib_without_zip64_is_named(tmp_path: Path) -> None:
    """As macOS's Archive Utility makes it: places are those of the lower 32 bits."""
    content = raw_zip(RawMember(b"a"))
    start = content.index(b"PK\1\2")
    with (tmp_path / "zip").open("w+b") as file:
        file.write(content[:start])
        file.seek(start + (1 << 32))
        file.write(content[start:])
        file.flush()
        with pytest.raises(InvalidFields, match=r"Bad zip file: .*4 GiB and no ZIP64.*macOS.*zip -r"):
            read_contents(file.fileno(), file.tell(), NO_LIMITS)


@pytest.mark.parametrize("may_be", [False, True])
def test_a_member_that_may_be_above_4_gib_says_so(tmp_path: Path, may_be: bool) -> None:
    """Its size is then that of the lower 32 bits."""
    data = bytes(5 * MIB)
    payload = packed(data, 8) + bytes(5 * MIB if may_be else 0)
    with pytest.raises(InvalidFields, match="has more than the 2097152 bytes that it declares") as raised:
        unpack_all(raw_zip(RawMember(b"m", data, size=2 * MIB, payload=payload)), tmp_path / "out")
    assert ("macOS" in str(raised.value)) == may_be
