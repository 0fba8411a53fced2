"""A large object on its way to Swift: its pieces are objects of another container until the manifest is written."""

import secrets
from collections.abc import Set
from contextlib import suppress
from threading import Lock

from pfcon.storage.objects.answers import md5_of, not_utf8
from pfcon.storage.objects.store import LargeUpload, ObjectAbsent, Piece, Source
from pfcon.storage.objects.swift_answers import is_static
from pfcon.storage.objects.swift_container import SwiftContainer
from pfcon.storage.objects.swift_faults import NoContainer
from pfcon.storage.objects.swift_pieces import (
    StoredPiece,
    etag_of,
    manifest,
    parts,
    piece_name,
    pieces_prefix,
    stored_piece,
)


class SwiftLargeUpload(LargeUpload):
    """Every try has an id, part of its pieces' names: a version that can be read never loses a piece to another.

    A try that was left half-done, whose pieces no manifest uses, is gone on with.
    """

    def __init__(self, objects: SwiftContainer, pieces: SwiftContainer, name: str) -> None:
        self._objects = objects
        self._pieces = pieces
        self._name = name
        self._lock = Lock()
        self._begun: tuple[str, dict[int, Piece]] | None = None

    def there(self) -> dict[int, Piece]:
        """See LargeUpload."""
        return dict(self._begin()[1])

    def send(self, number: int, source: Source) -> str:
        """See LargeUpload."""
        return self._pieces.put(self._piece(number), source)

    def finish(self, pieces: list[Piece]) -> None:
        """See LargeUpload."""
        names = [self._piece(number) for number in range(len(pieces))]
        self._objects.put_manifest(self._name, manifest(self._pieces.name, names, pieces), etag_of(pieces))
        drop_pieces(self._pieces, self._name, keep=set(names))

    def abandon(self) -> None:
        """See LargeUpload."""
        upload = self._begin()[0]
        with suppress(NoContainer):
            for found in stored(self._pieces, self._name):
                if found.upload == upload:
                    self._pieces.delete(piece_name(self._name, found))

    def _begin(self) -> tuple[str, dict[int, Piece]]:
        """The id of this try, and the pieces that it has found."""
        with self._lock:
            if self._begun is None:
                tries: dict[str, dict[int, Piece]] = {}
                try:
                    for found, piece in stored(self._pieces, self._name).items():
                        tries.setdefault(found.upload, {})[found.number] = piece
                except NoContainer:
                    self._objects.check()  # pieces of no container's objects are nobody's
                    self._pieces.create()
                for used in self._used() if tries else ():
                    tries.pop(used, None)
                upload = max(tries, key=lambda each: len(tries[each]), default=secrets.token_hex(16))
                self._begun = upload, tries.get(upload, {})
            return self._begun

    def _used(self) -> set[str]:
        """The ids of the tries whose pieces the object of that name consists of."""
        try:
            if not is_static(self._objects.head(self._name)):
                return set()
            _, entries = self._objects.manifest(self._name)
        except ObjectAbsent:
            return set()
        ours = (stored_piece(self._name, part.name) for part in parts(entries) if part.container == self._pieces.name)
        return {found.upload for found in ours if found is not None}

    def _piece(self, number: int) -> str:
        return piece_name(self._name, StoredPiece(self._begin()[0], number))


def stored(pieces: SwiftContainer, name: str) -> dict[StoredPiece, Piece]:
    """All pieces of the object ``name`` that are there, of whatever try. Raises NoContainer."""
    try:
        prefix = pieces_prefix(name)
    except UnicodeEncodeError:
        raise not_utf8(name, pieces.place) from None
    rows = [row for page in pieces.rows(prefix) for row in page]
    found = ((stored_piece(name, row["name"]), Piece(int(row["bytes"]), md5_of(row["hash"]))) for row in rows)
    return {which: piece for which, piece in found if which is not None}


def drop_pieces(pieces: SwiftContainer, name: str, keep: Set[str]) -> None:
    """Remove the pieces of the object ``name``, whoever has left them, but for those names."""
    for which in stored(pieces, name):
        if (segment := piece_name(name, which)) not in keep:
            pieces.delete(segment)
