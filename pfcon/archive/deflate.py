"""Raw deflate and CRC-32, with isal if it is installed, else with zlib. Only this module depends on which it is."""

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

_RAW = -15  # wbits of a deflate stream without header and trailer, window 32 KiB
_FAST = 1  # isal's level 1 is five times as fast as zlib's and compresses a little better


class Inflater(Protocol):
    """The part of zlib's decompression object that is used here."""

    eof: bool
    unconsumed_tail: bytes

    def decompress(self, data: Any, max_length: int = 0, /) -> bytes: ...


class Deflater(Protocol):
    """The part of zlib's compression object that is used here."""

    def compress(self, data: Any, /) -> bytes: ...
    def flush(self) -> bytes: ...


@dataclass(frozen=True)
class Codec:
    """One implementation of raw deflate."""

    engine: Any

    @property
    def error(self) -> type[Exception]:
        """The exception class for broken data."""
        found: type[Exception] = self.engine.error
        return found

    def crc32(self, data: Any, value: int = 0) -> int:
        """Return the CRC-32 of a buffer that follows data with the CRC-32 ``value``."""
        found: int = self.engine.crc32(data, value)
        return found

    def inflater(self) -> Inflater:
        """Return a new decompressor."""
        made: Inflater = self.engine.decompressobj(_RAW)
        return made

    def deflater(self) -> Deflater:
        """Return a new compressor with a fast level."""
        made: Deflater = self.engine.compressobj(_FAST, self.engine.DEFLATED, _RAW)
        return made

    def deflate(self, data: Any) -> bytes:
        """Return the complete deflate stream of one buffer."""
        packed: bytes = self.engine.compress(data, _FAST, _RAW)
        return packed


def load(accelerated: bool = True) -> Codec:
    """Return the codec of this machine: isal has wheels only for x86-64 and ARM64."""
    if accelerated:
        try:
            return Codec(importlib.import_module("isal.isal_zlib"))
        except ImportError:
            pass
    return Codec(importlib.import_module("zlib"))


CODEC = load()
