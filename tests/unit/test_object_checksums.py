"""Whether bytes are those of an object, by each thing that a store may tell of it."""

import base64
import hashlib
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from pfcon.storage.objects.checksums import Mismatch, holds, verifiable, verifier
from pfcon.storage.objects.store import Described, Part

DATA = os.urandom(10_000)


def hexed(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def parts(*sizes: int, told: bool = True) -> tuple[Part, ...]:
    found, at = [], 0
    for size in sizes:
        found.append(Part(size, hexed(DATA[at : at + size]) if told else ""))
        at += size
    return tuple(found)


def of_parts(*sizes: int, binary: bool) -> str:
    md5s = [part.md5 for part in parts(*sizes)]
    return hexed(b"".join(bytes.fromhex(md5) for md5 in md5s) if binary else "".join(md5s).encode())


PLAIN = Described("o", len(DATA), "etag")
WAYS = {
    "md5": replace(PLAIN, md5=hexed(DATA)),
    "parts": replace(PLAIN, parts=parts(4000, 4000, 2000)),
    "parts of no bytes": replace(PLAIN, parts=parts(0, 4000, 0, 6000, 0)),
    "parts, hex": replace(PLAIN, parts=parts(1, 9999, told=False), parts_md5=of_parts(1, 9999, binary=False)),
    "parts, binary": replace(
        PLAIN, parts=parts(5000, 5000, told=False), parts_md5=of_parts(5000, 5000, binary=True), binary=True
    ),
    "sha256": replace(PLAIN, sha256=base64.b64encode(hashlib.sha256(DATA).digest()).decode()),
    "sha1": replace(PLAIN, sha1=base64.b64encode(hashlib.sha1(DATA, usedforsecurity=False).digest()).decode()),
    "crc32": replace(PLAIN, crc32=base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()),
}


def fits(described: Described, data: bytes, chunk: int) -> bool:
    found = verifier(described)
    try:
        for at in range(0, len(data), chunk):
            found.update(data[at : at + chunk])
        found.finish()
    except Mismatch:
        return False
    return True


@pytest.mark.parametrize("chunk", [1000, 1, 4096, 20_000])
@pytest.mark.parametrize("way", WAYS)
def test_the_right_bytes_fit_and_no_others(way: str, chunk: int) -> None:
    described = WAYS[way]
    assert verifiable(described)
    assert fits(described, DATA, chunk)
    for at in (0, 5000, len(DATA) - 1):
        assert not fits(described, DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :], chunk)
    assert not fits(described, DATA[:-1], chunk)
    assert not fits(described, DATA + b"x", chunk)
    assert not fits(described, b"", chunk)


@pytest.mark.parametrize(
    "described",
    [
        PLAIN,
        replace(PLAIN, parts_md5=hexed(b"")),
        replace(PLAIN, parts=(Part(5000, hexed(DATA[:5000])), Part(5000, ""))),
    ],
)
def test_of_some_objects_nothing_is_known_but_the_size(described: Described) -> None:
    assert not verifiable(described)
    assert fits(described, bytes(len(DATA)), 1000)
    assert not fits(described, DATA[:-1], 1000)


def test_an_object_without_bytes_needs_no_checksum() -> None:
    assert verifiable(Described("o", 0, "etag"))
    assert fits(Described("o", 0, "etag"), b"", 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_file_holds_an_object_only_when_its_bytes_are_known_to_be_its(way: str, tmp_path: Path) -> None:
    file = tmp_path / "f"
    for data, wanted in ((DATA, True), (DATA[:-1], False), (bytes(len(DATA)), False)):
        file.write_bytes(data)
        with file.open("rb") as opened:
            assert holds(opened.fileno(), WAYS[way], lambda: None) == wanted
            assert not holds(opened.fileno(), PLAIN, lambda: None)
