"""The compression methods of members (PKWARE APPNOTE 6.3.10, sections 4.4.5 and 5.8), in bounded memory.

Deflate is in ``deflate``. BZip2 takes some 4 MiB of memory for each stream. LZMA takes as much as its dictionary, for
which a member may declare 4 GiB: never more than the size of the member is used, and more than LZMA_MOST is refused.
"""

import bz2
import lzma
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pfcon.archive.deflate import CODEC, Inflater
from pfcon.archive.faults import bad_member
from pfcon.units import human_bytes

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
READ = frozenset({STORED, DEFLATED, BZIP2, LZMA})
LZMA_MOST = 64 << 20  # bytes; limit of one dictionary, and of all dictionaries that this process uses
_LZMA_BESIDE = 1 << 20  # bytes of memory that a decoder takes in addition to its dictionary
_LZMA_LEAST, _LZMA_PROPERTIES = 4096, 5
_LZMA_HEAD = struct.Struct("<2xHBL")  # version, length of what follows, lc/lp/pb, bytes of the dictionary
_UNKNOWN_SIZE = b"\xff" * 8
_NAMES = {
    1: "Shrink",
    **dict.fromkeys((2, 3, 4, 5), "Reduce"),
    6: "Implode",
    9: "Deflate64",  # Windows Explorer uses it for files above 2 GiB
    10: "PKWARE DCL Implode",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}


class DamagedStreamError(Exception):
    """Compressed data can't be unpacked."""


def unread(method: int) -> str:
    """Return the message about a member whose method is not one of READ: the method, and the tool to use."""
    name = f"{_NAMES[method]} (method {method})" if method in _NAMES else f"the unknown method {method}"
    return (
        f"is packed with {name}; unpack the zip with 7-Zip, which reads most methods, and pack it again with Deflate,"
        " as `7z a -tzip -mm=Deflate` and `zip -r` do"
    )


class _MemoryQuota:
    """Memory for dictionaries, shared by all threads of this process."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        """Wait until ``size`` bytes are free, and reserve them."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size

    def release(self, size: int) -> None:
        """Release ``size`` bytes."""
        with self._changed:
            self._free += size
            self._changed.notify_all()


_DICTIONARIES = _MemoryQuota(LZMA_MOST)


@contextmanager
def unpacker(method: int, path: str, size: int) -> Iterator[Inflater]:
    """Yield a decompressor for a member of ``size`` declared bytes, compressed with a method of READ (not stored).

    Its ``decompress`` raises one of FAULTS for broken data, and InvalidFields, which names ``path``, for an LZMA
    dictionary above LZMA_MOST. It may wait until other threads release their dictionaries.
    """
    if method == LZMA:
        stream = _Lzma(path, size)
        try:
            yield stream
        finally:
            stream.close()
    elif method == BZIP2:
        yield _Bzip2()
    else:
        yield CODEC.inflater()


class _Bzip2:
    """bz2's decompressor keeps the input that it has not consumed; an Inflater returns it."""

    unconsumed_tail = b""

    def __init__(self) -> None:
        self._stream = bz2.BZ2Decompressor()
        self.eof = False

    def decompress(self, data: Any, max_length: int = 0, /) -> bytes:
        try:
            found = self._stream.decompress(data, max_length)
        except (OSError, ValueError, EOFError) as fault:
            raise DamagedStreamError(str(fault)) from None
        self.eof = self._stream.eof
        return found


class _Lzma:
    """A zip's LZMA stream. If it has no end mark, it ends at the size that the member declares.

    The first chunk of data must contain the header of nine bytes (APPNOTE 5.8.8).
    """

    unconsumed_tail = b""

    def __init__(self, path: str, size: int) -> None:
        self._path, self._left, self._taken = path, size, 0
        self._stream: lzma.LZMADecompressor | None = None
        self.eof = False

    def decompress(self, data: Any, max_length: int = 0, /) -> bytes:
        try:
            if self._stream is None:
                self._stream, data = self._begin(bytes(data))
            found = self._stream.decompress(data, min(max_length, self._left))
        except (lzma.LZMAError, ValueError, EOFError) as fault:
            raise DamagedStreamError(str(fault)) from None
        self._left -= len(found)
        self.eof = self._stream.eof or not self._left
        return found

    def _begin(self, data: bytes) -> tuple[lzma.LZMADecompressor, bytes]:
        """Decode it as a .lzma file, which is nearly the same: for raw streams, Python's lzma has no memory limit."""
        if len(data) < _LZMA_HEAD.size:
            raise DamagedStreamError("it has no header")
        length, properties, dictionary = _LZMA_HEAD.unpack_from(data)
        if length != _LZMA_PROPERTIES:
            raise DamagedStreamError("its header is malformed")
        window = min(dictionary, max(self._left, _LZMA_LEAST))
        if window > LZMA_MOST:
            raise bad_member(
                self._path,
                f"is packed with an LZMA dictionary of {human_bytes(dictionary)}, more than {human_bytes(LZMA_MOST)};"
                " pack it again with a smaller one, as `7z a -tzip -mm=LZMA -md=32m` does, or with Deflate",
            )
        _DICTIONARIES.take(window)
        self._taken = window
        head = struct.pack("<BL", properties, window) + _UNKNOWN_SIZE
        stream = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=window + _LZMA_BESIDE)
        return stream, head + data[_LZMA_HEAD.size :]

    def close(self) -> None:
        """Free its memory. Idempotent."""
        self._stream = None
        taken, self._taken = self._taken, 0
        if taken:
            _DICTIONARIES.release(taken)


FAULTS: tuple[type[Exception], ...] = (CODEC.error, DamagedStreamError)
