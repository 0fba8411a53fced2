"""What hostile clients upload and hostile jobs leave: zips and trees that ask for much memory."""

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

NAME = "n" * 250
MIB = 2**20


def dig(directory: Path, levels: int, nfiles: int) -> None:
    """Make nested directories of 250 characters each, with empty files at the bottom: no path may be so long."""
    fd = os.open(directory, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(NAME, dir_fd=fd)
        below = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    for number in range(nfiles):
        os.close(os.open(f"{number}", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
    os.close(fd)


def fill(directory: Path, nfiles: int) -> None:
    """Make so many empty files in one directory."""
    fd = os.open(directory, os.O_RDONLY)
    for number in range(nfiles):
        os.close(os.open(f"an-output-{number:07}.dat", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
    os.close(fd)


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    """A zip of stored members, ZIP64 where they are many; written in constant memory, unlike ``zipfile``'s."""
    count = 0
    with path.open("wb") as out, path.with_suffix(".directory").open("w+b") as central:
        for name, data in members:
            raw, at = name.encode(), out.tell()
            facts = struct.pack("<HHHHHLLL", 20, 0x800, 0, 0, 0x21, zlib.crc32(data), len(data), len(data))
            out.write(b"PK\3\4" + facts + struct.pack("<HH", len(raw), 0) + raw + data)
            place = struct.pack("<HHHHHLL", len(raw), 0, 0, 0, 0, 0o100644 << 16, at)
            central.write(b"PK\1\2" + struct.pack("<H", 788) + facts + place + raw)
            count += 1
        start, size = out.tell(), central.tell()
        central.seek(0)
        while block := central.read(MIB):
            out.write(block)
        out.write(struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start))
        out.write(struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1))
        few = min(count, 0xFFFF)
        out.write(struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, few, few, size, start, 0))
    path.with_suffix(".directory").unlink()
    return path


def nested(nfiles: int, levels: int) -> Iterable[tuple[str, bytes]]:
    """Empty files, each below so many directories of its own."""
    return ((f"{number}/" + "d/" * (levels - 1) + "f", b"") for number in range(nfiles))


def ordinary(nfiles: int, *, links: int = 0) -> Iterable[tuple[str, bytes]]:
    """Small files, a thousand in a directory, and links to the first of these directories."""
    for number in range(links):
        yield f"linked/{number}/in.chrislink", b"data/0000"
    for number in range(nfiles):
        yield f"data/{number // 1000:04}/a-file-with-a-name-{number:07}.txt", b"%d" % number


def multiplying(links: int, size: int) -> Iterable[tuple[str, bytes]]:
    """One file that so many links stand for."""
    yield "big/file", bytes(size)
    for number in range(links):
        yield f"{number}/in.chrislink", b"big"
