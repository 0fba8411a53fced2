"""Uploads: what is read, what is refused, what is unpacked."""

import os
import re
import stat
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.zips import (
    MIB,
    NO_LIMITS,
    RawMember,
    deflate,
    good_zip,
    placing,
    raw_zip,
    spooled,
    unicode_path,
)
from support.zips import unpack_all as unpack

from pfcon.archive import deflate as codec
from pfcon.archive import inflating, unzip
from pfcon.archive.contents import Contents, read_contents
from pfcon.archive.limits import UploadLimits
from pfcon.errors import InvalidFields
from pfcon.testing.files import tree


def read(content: bytes, limits: UploadLimits = NO_LIMITS) -> Contents:
    upload = spooled(content)
    with upload.file:
        return read_contents(upload.file.fileno(), upload.size, limits)


def fault_of(content: bytes) -> str:
    with pytest.raises(InvalidFields) as raised:
        read(content)
    message = raised.value.message
    assert isinstance(message, Mapping)
    assert list(message) == ["data_file"]
    return str(message["data_file"])


FILES = {
    "a.txt": b"alpha",
    "deep/er/b.bin": os.urandom(3 * MIB),
    "deep/zeros": bytes(5 * MIB),
    "empty": b"",
    "ü/名.txt": b"unicode",
    "exactly": bytes(inflating.CHUNK * 16),
}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_all_members_are_unpacked_as_they_were_packed(tmp_path: Path, method: int) -> None:
    unpack(good_zip({**FILES, "nothing/in/here/": b""}, method), tmp_path / "out")
    assert tree(tmp_path / "out") == FILES
    assert (tmp_path / "out/nothing/in/here").is_dir()


def test_many_small_members_are_unpacked_in_batches(tmp_path: Path) -> None:
    files = {f"d{i % 7}/f{i}": str(i).encode() * (i % 900) for i in range(2500)}
    unpack(good_zip(files), tmp_path / "out")
    assert tree(tmp_path / "out") == files


def test_files_are_readable_by_all_even_with_a_strict_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        unpack(good_zip({"top": b"x", "d/e/f": b"y"}), tmp_path / "out")
    finally:
        os.umask(before)
    out = tmp_path / "out"
    assert [stat.S_IMODE((out / name).stat().st_mode) for name in ("top", "d/e/f")] == [0o644, 0o644]
    assert [stat.S_IMODE((out / name).stat().st_mode) for name in ("", "d", "d/e")] == [0o755] * 3


def test_data_before_the_zip_do_not_matter(tmp_path: Path) -> None:
    unpack(raw_zip(RawMember(b"a"), RawMember(b"b", b"beta"), prefix=b"#!/bin/sh\n" * 99), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"data", "b": b"beta"}


def test_a_zip64_directory_is_read(tmp_path: Path) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("big", "w", force_zip64=True) as member:
        member.write(b"not so big")
    unpack(buffer.getvalue(), tmp_path / "out")
    assert tree(tmp_path / "out") == {"big": b"not so big"}


def test_more_members_than_16_bits_count_are_read() -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(66_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    assert read(buffer.getvalue()).nfiles == 66_000


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=9)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3)


@given(st.dictionaries(paths.map("/".join), st.binary(max_size=99), max_size=9))
def test_members_are_those_that_the_standard_library_sees(files: dict[str, bytes]) -> None:
    parents = {str(above) for name in files for above in list(Path(name).parents)}
    files = {name: content for name, content in files.items() if name not in parents}
    content = good_zip(files)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        seen = {(info.orig_filename, info.file_size, info.CRC, info.header_offset) for info in archive.infolist()}
    assert {(m.path, m.size, m.crc, m.offset) for m in read(content).members} == seen


def test_names_are_made_normal() -> None:
    found = read(raw_zip(RawMember(b"./a//b/./c"), RawMember(b"./", b"", stat.S_IFDIR), RawMember(b"d//", b"")))
    assert [(member.path, member.is_dir) for member in found.members] == [("a/b/c", False), ("d", True)]


def test_a_single_file_without_a_name_gets_one_and_a_note() -> None:
    found = read(raw_zip(RawMember(b"")))
    assert [member.path for member in found.members] == ["unnamed"]
    assert "unnamed" in found.notes[0]


def test_two_files_without_a_name_are_refused() -> None:
    assert "twice" in fault_of(raw_zip(RawMember(b""), RawMember(b"", b"other")))


EVIL = {
    "a symbolic link": (RawMember(b"evil", b"/etc/passwd", stat.S_IFLNK | 0o777), "regular file"),
    "a device": (RawMember(b"evil", b"", stat.S_IFCHR | 0o666), "regular file"),
    "a fifo": (RawMember(b"evil", b"", stat.S_IFIFO | 0o666), "regular file"),
    "a way up": (RawMember(b"x/../../evil"), "'..'"),
    "an absolute name": (RawMember(b"/etc/evil"), "absolute"),
    "a drive letter": (RawMember(b"C:/evil", maker=0), "absolute"),
    "a Windows path with a drive": (RawMember(b"C:\\evil", maker=10), "absolute"),
    "a share of another machine": (RawMember(b"\\\\evil\\share\\x", maker=11), "absolute"),
    "a way up of Windows": (RawMember(b"x\\..\\..\\evil", maker=0), "'..'"),
    "a way up in a Unicode path": (RawMember(b"evil", flags=0, extra=unicode_path(b"evil", "../evil")), "'..'"),
    "two separators": (RawMember(b"x/y\\evil", maker=0), "both '/' and '\\'"),
    "two names": (RawMember(b"evil", extra=unicode_path(b"evil", "good")), "another name, 'good'"),
    "a NUL": (RawMember(b"evil\0.txt"), "NUL"),
    "a lying UTF-8 flag": (RawMember(b"evil\xff"), "not valid UTF-8"),
    "a long component": (RawMember(b"evil" * 64), "255 bytes"),
    "a long path": (RawMember(b"evil/" * 701 + b"x"), "3500 bytes"),
    "an encrypted member": (RawMember(b"evil", flags=0x801), "encrypted"),
    "strongly encrypted": (RawMember(b"evil", flags=0x841), "without a password"),
    "Deflate64": (RawMember(b"evil", method=9), "Deflate64 (method 9); unpack the zip with 7-Zip"),
    "PPMd": (RawMember(b"evil", method=98), "PPMd (method 98); unpack the zip with 7-Zip"),
    "a method of nobody": (RawMember(b"evil", method=77), "the unknown method 77"),
    "a folder of Windows with content": (RawMember(b"evil", maker=0, attributes=0x10), "directory with content"),
    "a directory with content": (RawMember(b"evil/"), "directory with content"),
    "dots for a name": (RawMember(b"./."), "no name"),
}


@pytest.mark.parametrize(("member", "reason"), EVIL.values(), ids=EVIL)
def test_an_evil_member_is_refused_by_name(member: RawMember, reason: str) -> None:
    fault = fault_of(raw_zip(RawMember(b"good"), member))
    assert reason in fault
    assert "evil" in fault or member.name == b"./."


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"a", b"a"),
        (b"a/b", b"a//b"),
        (b"a", b"./a"),
        (b"a/", b"a"),
        (b"a", b"a/b"),
        (b"a/b/c", b"a/b"),
        (b"", b"unnamed"),
    ],
)
def test_two_members_for_one_path_are_refused(first: bytes, second: bytes) -> None:
    content = raw_zip(
        *(RawMember(name, b"" if name.endswith(b"/") else b"%d" % n) for n, name in enumerate((first, second)))
    )
    assert "twice" in fault_of(content) or "a file and a directory" in fault_of(content)


BROKEN = {
    "empty": b"",
    "text": b"no zip at all" * 100,
    "cut off at the front": good_zip({"a": b"x" * 100, "b": b""})[50:],
    "cut off at the end": good_zip({"a": b"x" * 100})[:-30],
    "too many promised": raw_zip(RawMember(b"a"), count=2),
    "overlapping members": raw_zip(RawMember(b"a"), RawMember(b"b", offset=0)),
    "data beyond the directory": raw_zip(RawMember(b"a", packed=10**6)),
    "two sizes of a stored member": raw_zip(RawMember(b"a", method=0, size=3)),
    "a cut ZIP64 field": raw_zip(RawMember(b"a", size=0xFFFFFFFF, extra=b"\1\0\4\0abcd")),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_no_sound_zip_is_called_a_bad_zip_file(content: bytes) -> None:
    assert fault_of(content).startswith("Bad zip file: ")


@given(st.data())
def test_a_damaged_zip_is_refused_or_unpacked_but_never_crashes(data: st.DataObject) -> None:
    content = bytearray(good_zip({"a": b"alpha" * 50, "b/c": b"beta", "d/": b""}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    upload = spooled(bytes(content))
    with upload.file:
        try:
            found = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
            for member in found.members:
                if not member.is_dir and member.size < MIB:
                    inflating.read_small(upload.file.fileno(), member)
        except InvalidFields:
            pass


DAMAGED = {
    "wrong CRC": (RawMember(b"m", b"x" * 99, crc=1), "wrong CRC-32"),
    "wrong CRC, large": (RawMember(b"m", bytes(3 * MIB), crc=1), "wrong CRC-32"),
    "more than declared": (RawMember(b"m", b"x" * 99, size=50), "has more than"),
    "more than declared, large": (RawMember(b"m", bytes(9 * MIB), size=2 * MIB), "has more than"),
    "less than declared": (RawMember(b"m", b"x" * 99, size=100), "only 99 of the 100"),
    "less than declared, large": (RawMember(b"m", bytes(3 * MIB), size=4 * MIB), "of the 4194304"),
    "no deflate stream": (
        RawMember(b"m", deflate(b"abc")[:-1] * 3, method=8, packed=4, size=9),
        "member 'm'",
    ),
}


@pytest.mark.parametrize(("member", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_data_are_found_while_unpacking(tmp_path: Path, member: RawMember, reason: str) -> None:
    with pytest.raises(InvalidFields, match="Bad zip file") as raised:
        unpack(raw_zip(RawMember(b"good"), member), tmp_path / "out")
    assert reason in str(raised.value)


def test_progress_is_reported_while_unpacking(tmp_path: Path) -> None:
    upload = spooled(good_zip({f"f{i}": bytes(5 * MIB) for i in range(20)}))
    told: list[str] = []
    with upload.file:
        contents = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
        unzip.unpack(upload.file.fileno(), placing(contents), tmp_path, told.append, every=0.0001)
    assert re.fullmatch(r"staging inputs: \d+ of 20 files, .+ of 100\.0 MiB", told[0])


def test_a_failure_stops_the_other_threads(tmp_path: Path) -> None:
    members = [RawMember(b"bad", bytes(4 * MIB), crc=1)]
    members += [RawMember(b"good%d" % i, bytes(3 * MIB)) for i in range(100)]
    with pytest.raises(InvalidFields, match="wrong CRC-32"):
        unpack(raw_zip(*members), tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) < 100


def test_a_missing_local_header_is_found(tmp_path: Path) -> None:
    content = bytearray(raw_zip(RawMember(b"a")))
    content[0:2] = b"XX"
    with pytest.raises(InvalidFields, match="no local header"):
        unpack(bytes(content), tmp_path / "out")


def test_an_existing_file_is_never_written_to(tmp_path: Path) -> None:
    upload = spooled(good_zip({"a": b"new"}))
    (tmp_path / "outside").write_bytes(b"old")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(tmp_path / "outside")
    with upload.file:
        contents = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
        with pytest.raises(OSError, match="exists"):
            unzip.unpack(upload.file.fileno(), placing(contents), tmp_path / "out", lambda text: None)
    assert (tmp_path / "outside").read_bytes() == b"old"


def test_the_digest_tells_contents_and_names_apart_and_nothing_else() -> None:
    first = read(good_zip({"a": b"1", "b/": b""})).digest
    assert first == read(raw_zip(RawMember(b"b/", b""), RawMember(b"./a", b"1", method=0))).digest
    others = [{"a": b"2", "b/": b""}, {"c": b"1", "b/": b""}, {"a": b"1"}, {"a": b"1", "b": b""}]
    assert first not in {read(good_zip(other)).digest for other in others}


@pytest.mark.parametrize("accelerated", [True, False])
def test_both_codecs_make_streams_that_the_other_reads(accelerated: bool) -> None:
    data = b"round and round " * 9999
    one, other = codec.load(accelerated), codec.load(not accelerated)
    assert other.inflater().decompress(one.deflate(data)) == data
    assert one.crc32(data) == other.crc32(data)
    with pytest.raises(one.error):
        one.inflater().decompress(b"\xff" * 99)
