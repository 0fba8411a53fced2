"""The seam of object stores: one container of Swift or one bucket of S3, in pfcon's own types.

The docstrings are the contract; ``tests/contract/test_object_store.py`` runs it against every store. Names of objects
are any text without NUL; they are never taken for paths here. Sizes and offsets are in bytes.

Every method makes one request or, where it says so, few, and tries nothing twice: ``retrying`` does. Errors:

* Transient: it may pass (5xx, 408, 429, a broken or silent connection, a body that ended early or that arrived
  otherwise than it was sent).
* ObjectAbsent: there is no such object (any more).
* Changed: an object is not the one that ``etag`` names (412).
* Refused: it won't pass: wrong credentials, no right, no such container, a request that the store does not take. The
  text says what the store said and names the container, never a key or token.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple


class Transient(Exception):
    """A request failed in a way that may pass. ``retry_after``: seconds that the store asked to wait, 0 for none."""

    def __init__(self, reason: str, retry_after: float = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ObjectAbsent(Exception):
    """There is no object of that name."""


class Changed(Exception):
    """The object is another one than was asked for."""


class Listed(NamedTuple):
    """An object of a listing or, where ``size`` is None, what lies below a name that ends in the delimiter.

    ``etag`` is the store's, without quotes, ``""`` where a listing has none. ``marker``: the store says that this
    object stands for a directory (Swift: content type ``application/directory``). Swift lists a dynamic large object
    with size 0, whatever its size, and without an ``etag``: ``download`` and ``describe`` know better.
    """

    name: str
    size: int | None
    etag: str = ""
    marker: bool = False


class Piece(NamedTuple):
    """A part of a large object: its size, and the hex MD5 of its bytes or ``""`` where that can't be told."""

    size: int
    md5: str


@dataclass(frozen=True)
class Described:
    """An object as it is now, and all that its bytes can be verified with.

    ``etag`` identifies the version. ``md5``: hex MD5 of all bytes, ``""`` where the store can't tell it. ``pieces``:
    those of an object that was stored in parts, in order, their sizes adding up to ``size``. ``pieces_md5``: the hex
    MD5 of the concatenated MD5s of the pieces (``binary``: of their bytes, as S3's ETags have it, or else of their
    hex, as Swift's have it), ``""`` where it is not known. ``crc32``, ``sha1``, ``sha256``: of all bytes, base64,
    ``""`` where not told.
    """

    name: str
    size: int
    etag: str
    md5: str = ""
    pieces: tuple[Piece, ...] = ()
    pieces_md5: str = ""
    binary: bool = False
    crc32: str = ""
    sha1: str = ""
    sha256: str = ""


class Download(NamedTuple):
    """An answer that is being read. ``described`` tells the whole object; of one in parts, ``pieces`` may be left out.

    ``chunks`` yields at most 1 MiB at a time and raises Transient when it ends early.
    """

    described: Described
    chunks: Iterator[bytes]


class Source(NamedTuple):
    """Bytes of an open file to be sent, from ``start`` on. Readers use ``os.pread``: many may read it at once."""

    file: BinaryIO
    start: int
    size: int


class Limits(NamedTuple):
    """What a store takes. Bytes, but for ``pieces_max``.

    ``single_max``: largest object that ``put`` sends. ``piece_min``: smallest piece of a large object but for its last;
    ``piece_max``: largest one. ``pieces_max``: most pieces of an object, 0 where the store has no large objects.
    """

    single_max: int
    piece_min: int
    piece_max: int
    pieces_max: int


class LargeUpload(ABC):
    """An object that is being sent in pieces. Nothing can be seen of it before ``finish``."""

    @abstractmethod
    def there(self) -> dict[int, Piece]:
        """The pieces that an earlier try has left, by number, from 0 on. A few requests."""

    @abstractmethod
    def send(self, number: int, source: Source) -> str:
        """Send one piece; gives back the hex MD5 of the bytes that were read and that the store has: it is verified.

        Several threads may send at once.
        """

    @abstractmethod
    def finish(self, pieces: list[Piece]) -> None:
        """Make the object appear, whole, from all its pieces; what an older one of that name leaves is removed."""

    @abstractmethod
    def abandon(self) -> None:
        """Remove the pieces from the store. Repeatable. Not called when a later try is to go on from them."""


class ObjectStore(ABC):
    """One container. One object serves all threads of a process and connects on first use."""

    name: str
    """``swift`` or ``s3``."""
    place: str
    """Names the container and the service, for messages: ``container 'users' of http://host:8080/auth/v1.0``."""

    @abstractmethod
    def check(self) -> None:
        """Raise Refused or Transient when the container can't be used."""

    @abstractmethod
    def limits(self) -> Limits:
        """What the store takes: at most one request, and none once it was answered. Raises Transient, Refused."""

    @abstractmethod
    def create_container(self) -> None:
        """Create the container; one that is there stays as it is."""

    @abstractmethod
    def pages(self, prefix: str, *, delimited: bool = False, limit: int = 0) -> Iterator[list[Listed]]:
        """All objects whose names begin with ``prefix``, by name, a page at a time: one request each.

        ``delimited``: names that have a ``/`` after the prefix come as one Listed without size, ending in ``/``.
        limit: names in a page, 0 for as many as the store gives. An empty listing is one empty page.
        """

    @abstractmethod
    def describe(self, name: str) -> Described:
        """One object, with what is known of its pieces: as many requests as that takes. Raises ObjectAbsent."""

    @abstractmethod
    def download(
        self, name: str, *, start: int = 0, size: int | None = None, etag: str = ""
    ) -> AbstractContextManager[Download]:
        """Get an object, or ``size`` bytes of it from ``start`` on; only the version of ``etag``, where it is given.

        Raises ObjectAbsent, Changed.
        """

    @abstractmethod
    def put(self, name: str, source: Source, md5: str) -> None:
        """Store an object in one request; the store verifies it. At most ``limits().single_max`` bytes. md5: hex.

        Where the name held a large object of ours, its pieces are removed.
        """

    @abstractmethod
    def large_upload(self, name: str, piece_size: int) -> LargeUpload:
        """Begin to send an object in pieces of that size, or go on with an earlier try.

        Raises Refused where the store has no large objects.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove an object; none is none. For tests and for what is replaced."""
