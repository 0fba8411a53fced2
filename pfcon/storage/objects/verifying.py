"""Whether bytes are those of an object, by all that its store tells of it. They come in order, in any chunks."""

import base64
import hashlib
import os
import zlib
from collections.abc import Callable
from typing import Protocol

from pfcon.storage.objects.answers import CHUNK
from pfcon.storage.objects.pieces import combined
from pfcon.storage.objects.store import Described, Piece

Chunk = bytes | memoryview


class Mismatch(Exception):
    """The bytes are not those of the object."""


class Verifier(Protocol):
    """Sees all bytes of an object once, in order."""

    def update(self, chunk: Chunk) -> None:
        """The next bytes. May raise Mismatch before the end."""

    def finish(self) -> None:
        """There are no more. Raises Mismatch."""


class _Digest:
    """By a digest of all bytes."""

    def __init__(self, algorithm: str, wanted: str, *, is_hex: bool = False) -> None:
        self._digest = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = bytes.fromhex(wanted) if is_hex else base64.b64decode(wanted)
        self.update = self._digest.update

    def finish(self) -> None:
        if self._digest.digest() != self._wanted:
            raise Mismatch


class _Crc32:
    """By a CRC-32 of all bytes."""

    def __init__(self, wanted: str) -> None:
        self._crc, self._wanted = 0, int.from_bytes(base64.b64decode(wanted), "big")

    def update(self, chunk: Chunk) -> None:
        self._crc = zlib.crc32(chunk, self._crc)

    def finish(self) -> None:
        if self._crc != self._wanted:
            raise Mismatch


class _Pieces:
    """By the MD5 of each piece, or by the MD5 of all of theirs."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self._found: list[Piece] = []
        self._begin()

    def _begin(self) -> None:
        """Begin the next piece, after those that have no bytes."""
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._left = 0
        while len(self._found) < len(self._described.pieces):
            self._left = self._described.pieces[len(self._found)].size
            if self._left:
                return
            self._end()

    def _end(self) -> None:
        wanted = self._described.pieces[len(self._found)]
        self._found.append(Piece(wanted.size, self._md5.hexdigest()))
        if wanted.md5 not in ("", self._found[-1].md5):
            raise Mismatch
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: Chunk) -> None:
        view = memoryview(chunk)
        while view:
            if not self._left:
                raise Mismatch
            part = view[: self._left]
            self._md5.update(part)
            self._left -= len(part)
            view = view[len(part) :]
            if not self._left:
                self._end()
                self._begin()

    def finish(self) -> None:
        if len(self._found) != len(self._described.pieces):
            raise Mismatch
        if self._described.pieces_md5 not in ("", combined(self._found, binary=self._described.binary)):
            raise Mismatch


class _Sized:
    """Counts the bytes of another verifier, or of none."""

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


def verifiable(described: Described) -> bool:
    """Whether more than the size of an object can be verified, or needs to be."""
    return described.size == 0 or _strongest(described) is not None


def verifier(described: Described) -> Verifier:
    """A verifier of an object's bytes: of their number, and by the best that is known of them."""
    make = _strongest(described)
    return _Sized(described.size, make() if make else None)


def _strongest(described: Described) -> Callable[[], Verifier] | None:
    pieces = described.pieces
    if described.md5:
        return lambda: _Digest("md5", described.md5, is_hex=True)
    if pieces and (described.pieces_md5 or all(piece.md5 for piece in pieces)):
        return lambda: _Pieces(described)
    if described.sha256:
        return lambda: _Digest("sha256", described.sha256)
    if described.sha1:
        return lambda: _Digest("sha1", described.sha1)
    if described.crc32:
        return lambda: _Crc32(described.crc32)
    return None


def holds(fd: int, described: Described, check: Callable[[], None]) -> bool:
    """Whether an open file is known to hold an object. Reads it; ``check`` is called meanwhile and may raise."""
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
    """Have a verifier see bytes of a file. Raises Mismatch where it ends early."""
    while start < end:
        check()
        block = os.pread(fd, min(CHUNK, end - start), start)
        if not block:
            raise Mismatch
        found.update(block)
        start += len(block)
