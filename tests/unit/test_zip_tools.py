"""Zips as people make them: what each is to pfcon, to Python's zipfile, to unzip and to bsdtar, in one table.

tests/data/zips has one of each tool; those of Debian's tools are made anew too, where the tools are there. A row says
which oracles see the same. Where fewer than two do, pfcon refuses the zip, or the row says why it knows better.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.zip_oracles import ORACLES, Tree, full_tree, program, seen_by
from support.zips import RawMember, raw_zip, unicode_path, unpack_all

from pfcon.errors import InvalidFields

RECORDED = Path(__file__).parents[1] / "data/zips"
ALL = "zipfile unzip bsdtar"
UMLAUTS = "Größe.txt"
ONLY: Tree = {UMLAUTS: b"data"}
A_LINK = 0o120777 << 16


def _record() -> ModuleType:
    spec = importlib.util.spec_from_file_location("record_zips", RECORDED / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


record = _record()
FULL: Tree = record.TREE


@dataclass(frozen=True)
class Row:
    """What a zip is to pfcon: a tree, or the reason why it is refused; and who sees that tree too."""

    found: Tree | str
    same: str = ""
    because: str = ""


UNMARKED = Row(FULL, "unzip bsdtar")  # zipfile takes each unmarked name for code page 437
ENCRYPTED = Row(r"' is encrypted; unpack the zip with 7-Zip and pack it again without a password")
BACKSLASH = Row({"d/e.txt": b"backslash"}, "unzip bsdtar")
COLON = Row(record.COLON, "zipfile unzip")  # bsdtar takes drives away
TOOLS = {
    **dict.fromkeys(("zip", "zip-c-locale", "zip-marked", "zip-bzip2", "zip-streamed", "bsdtar-c-locale"), UNMARKED),
    **dict.fromkeys(("7z", "7z-bzip2", "bsdtar", "bsdtar-streamed", "archiver", "adm-zip"), Row(FULL, ALL)),
    **dict.fromkeys(("jszip", "jszip-unix"), Row(FULL, ALL)),
    **dict.fromkeys(("zip-encrypted", "7z-encrypted", "7z-aes"), ENCRYPTED),
    **dict.fromkeys(("go-backslash", "jar-backslash", "jszip-backslash"), BACKSLASH),
    **dict.fromkeys(("zip-colon", "7z-colon"), COLON),
    "7z-lzma": Row(FULL, "zipfile bsdtar"),  # unzip has no LZMA
    "7z-deflate64": Row(r"'dir/deep/text\.txt' is packed with Deflate64 .*; unpack the zip with 7-Zip"),
    "7z-ppmd": Row(r"'dir/deep/text\.txt' is packed with PPMd .*; unpack the zip with 7-Zip"),
    "zip-link": Row(r"'link' is neither a regular file nor a directory; leave it out, or"),
    "jar": Row(FULL, "zipfile bsdtar"),  # unzip takes a FAT maker's names for code page 850, marked as they are
    "go": Row({**FULL, "nothing": None}, "zipfile bsdtar"),
    "archiver-backslash": Row({"d/e.txt": b"backslash"}, ALL),
}


def member(name: bytes | str, maker: int = 0, attributes: int = 0, data: bytes = b"data", **more: object) -> RawMember:
    """As a maker on Windows leaves it, unmarked."""
    raw = name.encode() if isinstance(name, str) else name
    more = {"flags": 0, "method": 0, "local_extra": more.get("extra", b""), **more}
    return RawMember(raw, data, maker=maker, attributes=attributes, **more)  # type: ignore[arg-type]


UNIX: dict[str, Any] = {"maker": 3, "attributes": 0o100644 << 16}
NAME_437 = "it is no UTF-8, and who marks none has code page 437 (APPNOTE D.1)"
BY_DOS = "the maker's attributes tell folders (APPNOTE 4.4.15)"
NO_SUCH_NAME = "no file of Windows has such a name"
WRITTEN = {
    "FAT, backslashes": (Row({"d/e/f": b"data"}, "unzip bsdtar"), [member("d\\e\\f")]),
    "FAT, a folder": (Row({"d/f": b"data"}, "unzip bsdtar"), [member("d\\", data=b"", attributes=16), member("d\\f")]),
    "Unix, backslashes": (Row({"d\\e": b"data"}, "zipfile unzip"), [member("d\\e", **UNIX)]),
    "both separators": (Row(r"'c/d\\\\e' has both .*; pack it again"), [member("c/d\\e")]),
    "FAT, attributes of a folder": (Row({"d": None}, "bsdtar", BY_DOS), [member("d", data=b"", attributes=16)]),
    "FAT, a mode of a link": (Row({"l": b"data"}, ALL), [member("l", attributes=A_LINK)]),
    "Unix, a mode of a link": (Row(r"'l' is neither .*; leave it out"), [member("l", maker=3, attributes=A_LINK)]),
    "FAT, code page 437": (Row(ONLY, "zipfile", NAME_437), [member(UMLAUTS.encode("cp437"))]),
    "NTFS, code page 437": (Row(ONLY, "zipfile", NAME_437), [member(UMLAUTS.encode("cp437"), maker=11)]),
    "Unix, code page 437": (Row(ONLY, "zipfile", NAME_437), [member(UMLAUTS.encode("cp437"), **UNIX)]),
    "FAT, UTF-8": (Row(ONLY, "bsdtar", "Java 6 writes such; 7-Zip sees the same"), [member(UMLAUTS)]),
    "NTFS, UTF-8": (Row(ONLY, "unzip bsdtar"), [member(UMLAUTS, maker=11)]),
    "macOS, UTF-8": (Row(ONLY, "unzip bsdtar"), [member(UMLAUTS, **UNIX)]),
    "a Unicode path": (Row(ONLY, "unzip bsdtar"), [member("G.txt", extra=unicode_path(b"G.txt", UMLAUTS), **UNIX)]),
    "FAT, a Unicode path": (Row(ONLY, "unzip bsdtar"), [member("G.txt", extra=unicode_path(b"G.txt", UMLAUTS))]),
    "a stale Unicode path": (Row({"G.txt": b"data"}, ALL), [member("G.txt", extra=unicode_path(b"H.txt", UMLAUTS))]),
    "two names": (Row("'G' has another name, .*; pack"), [member("G", flags=0x800, extra=unicode_path(b"G", UMLAUTS))]),
    "FAT, a colon": (Row({"T:1.nii": b"data"}, "zipfile unzip"), [member("T:1.nii")]),
    "Unix, a drive": (Row({"C:/x": b"data"}, "zipfile unzip"), [member("C:/x", **UNIX)]),
    "FAT, a drive": (Row("'C:/x' has an absolute name; pack"), [member("C:\\x")]),
    "absolute": (Row("'/x' has an absolute name; pack"), [member("/x", **UNIX)]),
    "upwards": (Row(r"'a/\.\./x' has '\.\.' in its name; pack"), [member("a/../x", **UNIX)]),
    "a NUL": (Row(r"'a\\x00b' has a NUL in its name; pack"), [member("a\0b", **UNIX)]),
    "twice": (
        Row({"d/f": b"data"}, ALL),
        [member("d/", data=b""), member("d/f"), member("d/", data=b""), member("d/f")],
    ),
    "twice, and not the same": (Row("'f' occurs twice .*; pack"), [member("f"), member("f", data=b"DATA")]),
    **{
        f"maker {maker}, backslashes": (Row({"d/e": b"data"}, "bsdtar", NO_SUCH_NAME), [member("d\\e", maker=maker)])
        for maker in (6, 10, 11, 14)
    },
    **{
        f"maker {maker}, attributes of a folder": (Row({"d": None}, "", BY_DOS), [member("d", maker, 16, b"")])
        for maker in (6, 10, 11, 14)
    },
}
TABLE = {name: (row, (RECORDED / f"{name}.zip").read_bytes()) for name, row in TOOLS.items()}
TABLE |= {name: (row, raw_zip(*members)) for name, (row, members) in WRITTEN.items()}


def holds(row: Row, content: bytes, target: Path) -> None:
    if isinstance(row.found, str):
        with pytest.raises(InvalidFields, match="zip member .*" + row.found):
            unpack_all(content, target)
        return
    unpack_all(content, target)
    assert full_tree(target) == row.found


def test_each_recorded_zip_has_its_row() -> None:
    assert {path.stem for path in RECORDED.glob("*.zip")} == TOOLS.keys() == record.MAKINGS.keys()


@pytest.mark.parametrize(("row", "content"), TABLE.values(), ids=TABLE)
def test_a_zip_is_what_its_row_says(tmp_path: Path, row: Row, content: bytes) -> None:
    holds(row, content, tmp_path / "out")


@pytest.mark.parametrize(("row", "content"), TABLE.values(), ids=TABLE)
def test_most_oracles_agree_or_the_row_says_why_not(row: Row, content: bytes) -> None:
    if isinstance(row.found, str):
        assert not row.same
        return
    agreeing = {oracle for oracle in ORACLES if seen_by(oracle, content) == row.found}
    assert set(row.same.split()) <= agreeing
    assert len(agreeing) >= 2 or row.because


LIVE = [name for name in TOOLS if name.split("-")[0] in ("zip", "7z", "bsdtar")]


@pytest.mark.parametrize("name", LIVE)
def test_todays_tool_makes_the_same(tmp_path: Path, name: str) -> None:
    program(name.split("-", maxsplit=1)[0])
    record.MAKINGS[name].run(tmp_path / "made.zip")
    holds(TOOLS[name], (tmp_path / "made.zip").read_bytes(), tmp_path / "out")
