"""Large objects of Swift: how their pieces are called, and what their manifests say. Pure.

Swift's documentation, "Large Object Support": a static large object (SLO) is a JSON list of its segments, a dynamic one
(DLO) a prefix of their names. pfcon writes static ones, in the container CONTAINER_segments, under names that no two
versions of an object share.
"""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pfcon.storage.objects.answers import md5_of
from pfcon.storage.objects.store import Piece

SUFFIX = "_segments"
_MARK = ".pieces"
_PIECE = re.compile(r"([0-9a-f]{32})/(\d{8})")
_LONGEST = 900  # bytes of an object's name that its pieces repeat, so that theirs stay below Swift's limit of 1024


class StoredPiece(NamedTuple):
    """A piece of ours: the try that has sent it, and its number."""

    upload: str
    number: int


class Part(NamedTuple):
    """An entry of a manifest: where its bytes are, and how many. ``nested``: it is a manifest itself."""

    container: str
    name: str
    piece: Piece
    nested: bool


def segments_container(container: str) -> str:
    """Where the pieces of a container's large objects are."""
    return container + SUFFIX


def pieces_prefix(name: str) -> str:
    """What the names of an object's pieces begin with, and no other object's."""
    encoded = name.encode()
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(encoded).hexdigest()[:32]
        name = f"{encoded[:_LONGEST].decode(errors='ignore')}.{digest}"
    return f"{name}/{_MARK}/"


def piece_name(name: str, piece: StoredPiece) -> str:
    """The name of a piece of the object ``name``."""
    return f"{pieces_prefix(name)}{piece.upload}/{piece.number:08d}"


def stored_piece(name: str, segment: str) -> StoredPiece | None:
    """The piece of the object ``name`` that a segment is; None for a segment of something else."""
    prefix = pieces_prefix(name)
    found = _PIECE.fullmatch(segment.removeprefix(prefix)) if segment.startswith(prefix) else None
    return StoredPiece(found[1], int(found[2])) if found else None


def manifest(container: str, names: Sequence[str], pieces: Sequence[Piece]) -> bytes:
    """The manifest of an object whose pieces are in ``container``."""
    rows = zip(names, pieces, strict=True)
    return json.dumps(
        [{"path": f"/{container}/{name}", "size_bytes": piece.size, "etag": piece.md5} for name, piece in rows]
    ).encode()


def etag_of(pieces: Sequence[Piece]) -> str:
    """What Swift makes of the pieces' MD5s for a large object's ETag."""
    return hashlib.md5("".join(piece.md5 for piece in pieces).encode(), usedforsecurity=False).hexdigest()


def parts(entries: Sequence[dict[str, Any]]) -> Iterator[Part]:
    """What a manifest, as Swift gives it back, consists of.

    A part of a segment has no MD5 of its own; data in the manifest itself has no place.
    """
    for entry in entries:
        if "data" in entry:
            data = b64decode(entry["data"])
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            yield Part("", "", Piece(len(data), md5), nested=False)
            continue
        container, _, name = entry["name"].lstrip("/").partition("/")
        bounds = entry.get("range")
        if bounds:
            first, _, last = bounds.partition("-")
            yield Part(container, name, Piece(int(last) - int(first) + 1, ""), nested=False)
        elif entry.get("sub_slo"):
            yield Part(container, name, Piece(int(entry["bytes"]), ""), nested=True)
        else:
            yield Part(container, name, Piece(int(entry["bytes"]), md5_of(entry["hash"])), nested=False)
