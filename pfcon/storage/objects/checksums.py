"""Verify the bytes of an object with the checksums that its store reports."""

import base64
import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from pfcon.storage.objects.http import CHUNK
from pfcon.storage.objects.store import Described, Part

Chunk = bytes | memoryview


class Mismatch(Exception):
    """The bytes do not match the size or a checksum of the object."""


class Verifier(Protocol):
    """Receives all bytes of an object once, in order, in chunks of any size. Not thread-safe."""

    def update(self, chunk: Chunk) -> None:
        """Add the next bytes. Raises Mismatch as soon as a difference is certain."""

    def finish(self) -> None:
        """End the input. Raises Mismatch."""


class _Digest:
    """Compares a digest of all bytes."""

    def __init__(self, algorithm: str, wanted: str, *, is_hex: bool = False) -> None:
        self._digest = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = bytes.fromhex(wanted) if is_hex else base64.b64decode(wanted)
        self.update = self._digest.update

    def finish(self) -> None:
        if self._digest.digest() != self._wanted:
            raise Mismatch


class _Crc32:
    """Compares a CRC-32 of all bytes."""

    def __init__(self, wanted: str) -> None:
        self._crc, self._wanted = 0, int.from_bytes(base64.b64decode(wanted), "big")

    def update(self, chunk: Chunk) -> None:
        self._crc = zlib.crc32(chunk, self._crc)

    def finish(self) -> None:
        if self._crc != self._wanted:
            raise Mismatch


class _Parts:
    """Compares the MD5 of each part, or the MD5 of all these MD5s."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self._found: list[Part] = []
        self._begin()

    def _begin(self) -> None:
        """Start the next part, skipping empty ones."""
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._left = 0
        while len(self._found) < len(self._described.parts):
            self._left = self._described.parts[len(self._found)].size
            if self._left:
                return
            self._end()

    def _end(self) -> None:
        wanted = self._described.parts[len(self._found)]
        self._found.append(Part(wanted.size, self._md5.hexdigest()))
        if wanted.md5 not in ("", self._found[-1].md5):
            raise Mismatch
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: Chunk) -> None:
        view = memoryview(chunk)
        while view:
            if not self._left:
                raise Mismatch
            head = view[: self._left]
            self._md5.update(head)
            self._left -= len(head)
            view = view[len(head) :]
            if not self._left:
                self._end()
                self._begin()

    def finish(self) -> None:
        if len(self._found) != len(self._described.parts):
            raise Mismatch
        if self._described.parts_md5 not in ("", md5_of_parts(self._found, binary=self._described.binary)):
            raise Mismatch


class _Sized:
    """Compares the number of bytes, and passes them to ``inner`` if there is one."""

    def __init__(self, size: int, inner: Verifier | None) -> None:
        self._left, self._inner = size, inner

    def update(self, chunk: Chunk) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise Mismatch
        if self._inner is not None:
            self._inner.update(chunk)

    def finish(self) -> None:
        if self._left:
            raise Mismatch
        if self._inner is not None:
            self._inner.finish()


def md5_of_parts(parts: Sequence[Part], *, binary: bool) -> str:
    """Return the hex MD5 of the concatenated MD5s of parts, as defined for ``Described.parts_md5``."""
    digests = [bytes.fromhex(part.md5) if binary else part.md5.encode() for part in parts]
    return hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()


def verifiable(described: Described) -> bool:
    """Return whether a checksum is known. True for an empty object, which needs none."""
    return described.size == 0 or _strongest(described) is not None


def verifier(described: Described) -> Verifier:
    """Return a verifier of the object's size and of its strongest known checksum, if any."""
    make = _strongest(described)
    return _Sized(described.size, make() if make else None)


def _strongest(described: Described) -> Callable[[], Verifier] | None:
    parts = described.parts
    if described.md5:
        return lambda: _Digest("md5", described.md5, is_hex=True)
    if parts and (described.parts_md5 or all(part.md5 for part in parts)):
        return lambda: _Parts(described)
    if described.sha256:
        return lambda: _Digest("sha256", described.sha256)
    if described.sha1:
        return lambda: _Digest("sha1", described.sha1)
    if described.crc32:
        return lambda: _Crc32(described.crc32)
    return None


def holds(fd: int, described: Described, check: Callable[[], None]) -> bool:
    """Return whether an open file is proved to hold the object, by its size and a checksum; False without a checksum.

    Reads the whole file. ``check`` is called before each block; what it raises is passed on.
    """
    if not verifiable(described) or os.fstat(fd).st_size != described.size:
        return False
    found = verifier(described)
    try:
        feed(fd, 0, described.size, found, check)
        found.finish()
    except Mismatch:
        return False
    return True


def feed(fd: int, start: int, end: int, found: Verifier, check: Callable[[], None]) -> None:
    """Read a file from byte ``start`` to byte ``end`` into a verifier. Raises Mismatch if the file ends earlier.

    ``check`` is called before each block; what it raises is passed on.
    """
    while start < end:
        check()
        block = os.pread(fd, min(CHUNK, end - start), start)
        if not block:
            raise Mismatch
        found.update(block)
        start += len(block)
