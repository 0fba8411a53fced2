"""Zips and listings with many names, made one by one, and what a piece of work took of memory for them."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from pfcon.links import Entry


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> int:
    """Write a zip of stored members in constant memory; gives back its size."""
    count, central = 0, bytearray()
    with path.open("wb") as out:
        for name, data in members:
            raw, at = name.encode(), out.tell()
            facts = struct.pack("<HHHHHLLL", 20, 0x800, 0, 0, 0x21, zlib.crc32(data), len(data), len(data))
            out.write(b"PK\3\4" + facts + struct.pack("<HH", len(raw), 0) + raw + data)
            place = struct.pack("<HHHHHLL", len(raw), 0, 0, 0, 0, 0o100644 << 16, at)
            central += b"PK\1\2" + struct.pack("<H", 788) + facts + place + raw
            count += 1
        start = out.tell()
        out.write(central)
        number = count & 0xFFFF
        out.write(struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, number, number, len(central), start, 0))
        return out.tell()


def peak_of(work: Callable[[], None]) -> int:
    """The most bytes of Python's memory that a piece of work held at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class FlatStorage:
    """A Lister with one directory, ``in``, of so many files or directories, that are made while they are read."""

    def __init__(self, number: int, *, directories: bool = False) -> None:
        self._number, self._directories = number, directories

    def entry(self, path: str) -> Entry | None:
        return Entry(path.rpartition("/")[2], True)

    def children(self, path: str) -> Iterable[Entry]:
        if path == "in":
            for number in range(self._number):
                yield Entry(f"an-input-{number:07}", self._directories)
        else:
            yield Entry("f", False)

    def link_text(self, path: str) -> bytes:
        raise AssertionError(path)
