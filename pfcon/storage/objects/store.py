"""The interface of object stores: one container of Swift or one bucket of S3, in pfcon's own types.

``listing``, ``download`` and ``upload`` use this interface; ``swift`` and ``s3`` implement it. The docstrings are the
contract; ``tests/contract/test_object_store.py`` runs it against every store. An object's name is any text without
NUL; it is never interpreted as a path here. Sizes and offsets are in bytes.

Every method makes one request or, where it says so, a few, and retries nothing: ``retrying`` does that. Errors:

* Transient: a retry may succeed (5xx, 408, 429, a broken or silent connection, a body that ended early or was
  corrupted on its way).
* ObjectAbsent: the object does not exist, or does not exist any more.
* Changed: the object's current version is not the one of ``etag`` (412).
* Refused: a retry will not succeed: wrong credentials, no permission, no such container, a request that the store does
  not support. The text quotes the store and names the container, never a key or token.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple


class Transient(Exception):
    """A request failed, and a retry may succeed. ``retry_after``: seconds that the store asked to wait, or 0."""

    def __init__(self, reason: str, retry_after: float = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ObjectAbsent(Exception):
    """No object has that name."""


class Changed(Exception):
    """The object's current version is not the requested one."""


class Listed(NamedTuple):
    """One row of a listing: an object, or a common prefix, which has ``size`` None and a ``name`` that ends in ``/``.

    ``etag`` has no quotes; ``""`` if the listing has none. ``marker``: the store marks this object as a directory
    (Swift: content type ``application/directory``). Swift lists every dynamic large object with size 0 and without an
    ``etag``: ``download`` and ``describe`` return the real ones.
    """

    name: str
    size: int | None
    etag: str = ""
    marker: bool = False


class Part(NamedTuple):
    """A part of a large object: its size in bytes, and its hex MD5, ``""`` if unknown."""

    size: int
    md5: str


@dataclass(frozen=True)
class Described:
    """The current version of an object, with all checksums that the store reports.

    ``etag`` identifies the version. ``md5``: hex MD5 of all bytes. ``parts``: of an object stored in parts, in order;
    their sizes add up to ``size``. ``parts_md5``: hex MD5 of the concatenated MD5s of the parts, ``binary`` as bytes
    (S3's ETag), else as hex (Swift's ETag). ``crc32``, ``sha1``, ``sha256``: of all bytes, base64. ``""`` if unknown.
    """

    name: str
    size: int
    etag: str
    md5: str = ""
    parts: tuple[Part, ...] = ()
    parts_md5: str = ""
    binary: bool = False
    crc32: str = ""
    sha1: str = ""
    sha256: str = ""


class Download(NamedTuple):
    """A response that is being read. ``described``: the whole object; ``parts`` may be missing.

    ``chunks`` yields at most 1 MiB at a time and raises Transient if the body ends early.
    """

    described: Described
    chunks: Iterator[bytes]


class Source(NamedTuple):
    """A section of an open file to send: ``size`` bytes from offset ``start``. Read with ``os.pread``: thread-safe."""

    file: BinaryIO
    start: int
    size: int


class Limits(NamedTuple):
    """Limits of a store.

    ``single_max``: bytes of the largest object for ``put``. ``part_min``: bytes of the smallest part of a large object,
    except its last. ``part_max``: bytes of the largest part. ``parts_max``: number of parts, 0 if the store has no
    large objects.
    """

    single_max: int
    part_min: int
    part_max: int
    parts_max: int


class LargeUpload(ABC):
    """A multipart upload. The object is not visible before ``finish``, which creates or replaces it atomically."""

    @abstractmethod
    def uploaded_parts(self) -> dict[int, Part]:
        """Return the parts that an earlier attempt has stored, by number from 0. A few requests."""

    @abstractmethod
    def send(self, number: int, source: Source) -> str:
        """Send one part; return the hex MD5 of its bytes, which is verified against the store's. Thread-safe."""

    @abstractmethod
    def finish(self, parts: list[Part]) -> None:
        """Create the object from all its parts, in order, and remove the parts of the version that it replaces."""

    @abstractmethod
    def abandon(self) -> None:
        """Remove the uploaded parts from the store. Idempotent. Not called if a later attempt is to reuse them."""


class ObjectStore(ABC):
    """One container. Thread-safe: one instance serves a process. It connects on first use."""

    name: str
    """``swift`` or ``s3``."""
    place: str
    """Names the container and the service, for messages: ``container 'users' of http://host:8080/auth/v1.0``."""

    @abstractmethod
    def check(self) -> None:
        """Raise Refused or Transient if the container can't be used."""

    @abstractmethod
    def limits(self) -> Limits:
        """Return the store's limits. At most one request; the result is cached. Raises Transient, Refused."""

    @abstractmethod
    def create_container(self) -> None:
        """Create the container. Idempotent: an existing one is not changed."""

    @abstractmethod
    def pages(self, prefix: str, *, delimited: bool = False, limit: int = 0) -> Iterator[list[Listed]]:
        """Yield all objects whose names begin with ``prefix``, sorted by name, in pages: one request each.

        delimited: names with a ``/`` after the prefix are grouped as common prefixes, see Listed. limit: names in a
        page, 0 for the store's default. An empty listing is one empty page.
        """

    @abstractmethod
    def describe(self, name: str) -> Described:
        """Return one object with its parts, as far as known: a request or more. Raises ObjectAbsent."""

    @abstractmethod
    def download(
        self, name: str, *, start: int = 0, size: int | None = None, etag: str = ""
    ) -> AbstractContextManager[Download]:
        """Get an object, or ``size`` bytes from offset ``start``. With ``etag``, only that version.

        The context closes or reuses the connection. Raises ObjectAbsent, Changed.
        """

    @abstractmethod
    def put(self, name: str, source: Source, md5: str) -> None:
        """Store an object with one request; the store verifies ``md5`` (hex). At most ``limits().single_max`` bytes.

        If the name held a large object of pfcon's, its parts are removed.
        """

    @abstractmethod
    def large_upload(self, name: str, part_size: int, count: int) -> LargeUpload:
        """Begin a multipart upload of ``count`` parts of that size (bytes), or resume an earlier attempt.

        Raises Refused if the store has no large objects.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove an object. Idempotent: a missing object is not an error."""
