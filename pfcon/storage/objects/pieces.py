"""How a large file is cut into pieces, and their MD5s put together. Pure."""

import hashlib
from collections.abc import Iterator

from pfcon.errors import Refused
from pfcon.storage.objects.store import Limits, Piece
from pfcon.units import MIB, human_bytes

LARGE = 256 * MIB  # bytes; smaller files are sent whole
PIECE = 64 * MIB  # bytes; enough that a request's own cost does not count, and that several are sent at once


def piece_size(size: int, limits: Limits) -> int | None:
    """Size of the pieces that a file of so many bytes is sent in; None when it is sent whole.

    The same file has the same pieces each time. Raises Refused for one that the store can't hold.
    """
    if size <= min(LARGE, limits.single_max) or (not limits.pieces_max and size <= limits.single_max):
        return None
    most = max(limits.single_max, limits.piece_max * limits.pieces_max)
    if size > most:
        raise Refused(f"it has {human_bytes(size)}, and the store holds objects of at most {human_bytes(most)}")
    needed = -(-size // limits.pieces_max)
    return min(-(-max(PIECE, limits.piece_min, needed) // MIB) * MIB, limits.piece_max)


def ranges(size: int, piece: int) -> Iterator[tuple[int, int]]:
    """Start and length of each piece."""
    for start in range(0, size, piece):
        yield start, min(piece, size - start)


def combined(pieces: list[Piece], *, binary: bool) -> str:
    """Hex MD5 of the MD5s of pieces, as ``Described.pieces_md5`` has it."""
    parts = [bytes.fromhex(piece.md5) if binary else piece.md5.encode() for piece in pieces]
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
