"""Zips a directory tree while the zip is sent; only a large central directory is written to disk."""

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO

from pfcon.archive.deflate import CODEC
from pfcon.archive.zip_records import DEFLATED, STORED, Item, end_records
from pfcon.files.descent import UnreadableTreeError
from pfcon.files.walk import FileWalk, TreeFile, open_regular

BLOCK = 256 << 10  # bytes; of one read, and about the size of a chunk
_PROBE = 64 << 10  # bytes of a file that are compressed to find out whether it is worth it
_WORTH = 0.95  # a file is stored uncompressed if its probe shrinks to more than this share
_SPILL = 1 << 20  # bytes of central directory that are held in memory
_PACKED_SUFFIXES = (  # .h5 and .dcm may be packed or not: the probe finds out
    *(b".gz", b".tgz", b".mgz", b".zip", b".npz", b".7z", b".xz", b".zst", b".bz2", b".lz4"),
    *(b".png", b".jpg", b".jpeg", b".jp2", b".gif", b".webp", b".mp4", b".mkv", b".webm", b".mp3"),
)


def zip_chunks(
    root: Path,
    below: str = "",
    spill_dir: str | None = None,
    on_read: Callable[[int], None] = lambda _: None,
    *,
    pack: bool = True,
) -> Iterator[bytes]:
    """Yield a zip of the regular files below ``root``, in chunks of about 256 KiB; the first one immediately.

    ``pfcon.files.walk.FileWalk`` defines which files. A file is read up to the size that it has when it is opened.
    Names that are not UTF-8 are written with ``\\xNN`` escapes. A central directory of more than 1 MiB is kept in an
    unnamed file in ``spill_dir``, or in the directory for temporary files. on_read: called with the number of bytes of
    each read of a file. pack: False stores all files uncompressed.

    Raises Absent immediately if the directory is missing. The iterator raises UnreadableTreeError, which names the
    file, if a file can't be read: a zip that reaches its end is complete. Closing it early releases all resources.
    """
    chunks = _Zip(FileWalk(root, below), spill_dir, on_read, pack=pack).chunks()
    next(chunks)  # from now on, close() runs the generator's clean-up
    return chunks


class _Zip:
    """A zip that is being written."""

    def __init__(self, walk: FileWalk, spill_dir: str | None, on_read: Callable[[int], None], *, pack: bool) -> None:
        self.walk = walk
        self.pack = pack
        self.on_read = on_read
        self.spill_dir = spill_dir
        self.waiting: list[bytes] = []
        self.nwaiting = 0
        self.sent = 0  # bytes, including those not yet yielded
        self.count = 0

    def chunks(self) -> Generator[bytes, None, None]:
        with (
            self.walk,
            tempfile.SpooledTemporaryFile(_SPILL, dir=self.spill_dir) as directory,
        ):
            yield b""
            for found in self.walk:
                for piece in self._file(found, directory):
                    self._put(piece)
                    if self.nwaiting >= BLOCK or self.nwaiting == self.sent:  # the first
                        yield self._take()
            start = self.sent
            directory.seek(0)
            while block := directory.read(BLOCK):
                self._put(block)
                if self.nwaiting >= BLOCK:
                    yield self._take()
            self._put(end_records(self.count, self.sent - start, start))
            yield self._take()

    def _put(self, piece: bytes) -> None:
        self.waiting.append(piece)
        self.nwaiting += len(piece)
        self.sent += len(piece)

    def _take(self) -> bytes:
        chunk = self.waiting[0] if len(self.waiting) == 1 else b"".join(self.waiting)
        self.waiting, self.nwaiting = [], 0
        return chunk

    def _file(self, found: TreeFile, directory: IO[bytes]) -> Iterator[bytes]:
        fd = -1
        try:
            opened = open_regular(found.dir_fd, found.name)
            if opened is None:
                return
            fd = opened
            facts = os.fstat(fd)
            item = Item(_zip_name(found.path), facts.st_mtime, facts.st_size, later=facts.st_size > BLOCK)
            item.offset = self.sent
            yield from self._large(fd, item) if item.later else self._small(fd, item)
        except OSError as fault:
            raise UnreadableTreeError(f"can't read {found.path!r}: {fault.strerror}") from fault
        finally:
            if fd >= 0:
                os.close(fd)
        directory.write(item.central())
        self.count += 1

    def _small(self, fd: int, item: Item) -> Iterator[bytes]:
        """Yield a file of one block: its sizes and CRC are known, and are written to its header."""
        data = os.read(fd, item.size) if item.size else b""
        item.size = item.packed = len(data)
        self.on_read(item.size)
        item.crc = CODEC.crc32(data)
        if self.pack and _may_shrink(item.name, data):
            packed = CODEC.deflate(data)
            if len(packed) < len(data) * _WORTH:
                data = packed
                item.method, item.packed = DEFLATED, len(packed)
        yield item.local()
        yield data

    def _large(self, fd: int, item: Item) -> Iterator[bytes]:
        left, size = item.size, 0
        block = os.read(fd, BLOCK)
        item.method = DEFLATED if self.pack and _may_shrink(item.name, block) else STORED
        deflater = CODEC.deflater() if item.method == DEFLATED else None
        yield item.local()
        while block:
            size += len(block)
            self.on_read(len(block))
            left -= len(block)
            item.crc = CODEC.crc32(block, item.crc)
            piece = deflater.compress(block) if deflater else block
            item.packed += len(piece)
            if piece:
                yield piece
            block = os.read(fd, min(BLOCK, left)) if left else b""
        if deflater:
            piece = deflater.flush()
            item.packed += len(piece)
            yield piece
        item.size = size
        yield item.descriptor()


def _may_shrink(name: bytes, block: bytes) -> bool:
    if len(block) < 64 or name.lower().endswith(_PACKED_SUFFIXES):
        return False
    if len(block) <= _PROBE:
        return True
    return len(CODEC.deflate(memoryview(block)[:_PROBE])) < _PROBE * _WORTH


def _zip_name(path: str) -> bytes:
    raw = os.fsencode(path)
    try:
        raw.decode()
    except UnicodeDecodeError:
        raw = raw.decode("utf-8", "backslashreplace").encode()
    if len(raw) > 0xFFFF:
        raise UnreadableTreeError(f"the path {path[:200]!r}… is too long for a zip")
    return raw
