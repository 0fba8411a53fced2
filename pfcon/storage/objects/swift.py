"""OpenStack Swift as an ObjectStore."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from swiftclient import client as swiftclient

from pfcon.errors import Refused
from pfcon.settings.model import SwiftSettings
from pfcon.storage.objects.answers import Timeouts, extent, hush, md5_of
from pfcon.storage.objects.store import (
    Described,
    Download,
    Limits,
    Listed,
    ObjectStore,
    Piece,
    Source,
    Transient,
)
from pfcon.storage.objects.swift_access import SwiftAccess, Tokens
from pfcon.storage.objects.swift_container import Row, SwiftContainer, is_static
from pfcon.storage.objects.swift_faults import Asked, NoContainer
from pfcon.storage.objects.swift_login import login_of
from pfcon.storage.objects.swift_pieces import etag_of, parts, segments_container
from pfcon.storage.objects.swift_upload import SwiftLargeUpload, drop_pieces

DIRECTORY = "application/directory"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
MAX_NESTED = 10  # manifests within manifests, as Swift has it
NO_PIECES_SECONDS = 60.0  # how long it is believed that no container of pieces is there


class SwiftStore(ObjectStore):
    """Requests go through python-swiftclient. Raises ConfigurationError when a library is missing."""

    name = "swift"

    def __init__(self, settings: SwiftSettings, timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008 - immutable
        hush("swiftclient", "keystoneauth", "urllib3", "requests")
        self._access = SwiftAccess(Tokens(login_of(settings, timeouts)), timeouts)
        self._objects = SwiftContainer(self._access, settings.container, settings.auth_url)
        self._pieces = self._objects.sibling(segments_container(settings.container))
        self.place = self._objects.place
        self._lock = Lock()
        self._told: dict[str, Any] | None = None
        self._no_pieces_until = 0.0

    def check(self) -> None:
        """See ObjectStore."""
        self._objects.check()

    def create_container(self) -> None:
        """See ObjectStore."""
        self._objects.create()

    def limits(self) -> Limits:
        """See ObjectStore."""
        return limits_of(self._info())

    def pages(self, prefix: str, *, delimited: bool = False, limit: int = 0) -> Iterator[list[Listed]]:
        """See ObjectStore."""
        delimiter = "/" if delimited else ""
        longest = int(self._info().get("swift", {}).get("container_listing_limit", 0))
        for rows in self._objects.rows(prefix, delimiter=delimiter, limit=limit, longest=longest):
            yield [listed(row) for row in rows]

    def describe(self, name: str) -> Described:
        """See ObjectStore."""
        headers = self._objects.head(name)
        if is_static(headers):
            return self._static(name, headers)
        if "x-object-manifest" in headers:
            return self._dynamic(name, headers)
        return described(name, headers, self.place)

    @contextmanager
    def download(self, name: str, *, start: int = 0, size: int | None = None, etag: str = "") -> Iterator[Download]:
        """See ObjectStore."""
        with self._objects.get(name, start, size, etag) as answer:
            found = described(name, answer.headers, self.place)
            first, length, _ = extent(answer.headers.get("content-range"), found.size)
            if first != start:
                raise Refused(f"{self.place} does not give parts of {name!r}")
            yield Download(found, answer.chunks(length, self.place))

    def put(self, name: str, source: Source, md5: str) -> None:
        """See ObjectStore."""
        self._objects.put(name, source, md5)
        self._drop_pieces(name)

    def large_upload(self, name: str, piece_size: int) -> SwiftLargeUpload:  # noqa: ARG002 - pieces tell their sizes
        """See ObjectStore."""
        if not self.limits().pieces_max:
            raise Refused(f"{self.place} has no static large objects: {name!r} is too large for it")
        self._no_pieces_until = 0.0
        return SwiftLargeUpload(self._objects, self._pieces, name)

    def delete(self, name: str) -> None:
        """See ObjectStore."""
        self._objects.delete(name)
        self._drop_pieces(name)

    def _drop_pieces(self, name: str) -> None:
        """Remove what an older large object of that name has left: no request while no large one was ever stored."""
        if time.monotonic() >= self._no_pieces_until:
            try:
                drop_pieces(self._pieces, name, keep=frozenset())
            except NoContainer:
                self._no_pieces_until = time.monotonic() + NO_PIECES_SECONDS

    def _info(self) -> dict[str, Any]:
        """What the cluster tells of itself (``/info``); nothing where it does not."""
        with self._lock:
            if self._told is None:
                try:
                    self._told = self._access.call(Asked(self.place), capabilities)
                except Refused:
                    self._told = {}
            return self._told

    def _static(self, name: str, headers: Mapping[str, str]) -> Described:
        etag, entries = self._objects.manifest(name)
        if headers.get("x-manifest-etag", etag).strip('"') != etag:
            raise Transient(f"{name!r} was replaced while it was looked at")
        pieces = tuple(self._parts(self._objects, entries, MAX_NESTED))
        return with_pieces(described(name, headers, self.place), pieces)

    def _parts(self, container: SwiftContainer, entries: list[Row], levels: int) -> Iterator[Piece]:
        for part in parts(entries):
            if part.nested and levels:
                below = container.sibling(part.container)
                yield from self._parts(below, below.manifest(part.name)[1], levels - 1)
            else:
                yield part.piece

    def _dynamic(self, name: str, headers: Mapping[str, str]) -> Described:
        # python-swiftclient has decoded it.
        container, _, prefix = headers["x-object-manifest"].lstrip("/").partition("/")
        pages = self._objects.sibling(container).rows(prefix)
        pieces = tuple(
            Piece(int(row["bytes"]), "" if "slo_etag" in row else md5_of(row["hash"])) for rows in pages for row in rows
        )
        size = sum(piece.size for piece in pieces)
        return with_pieces(described(name, {**headers, "content-length": str(size)}, self.place), pieces)


def limits_of(info: Mapping[str, Any]) -> Limits:
    """What ``/info`` says, and Swift's defaults for what it does not."""
    largest = int(info.get("swift", {}).get("max_file_size", 5 * 1024**3))
    slo = info.get("slo", {} if not info else None)
    if slo is None:
        return Limits(largest, 1, largest, 0)
    smallest = int(slo.get("min_segment_size", 1))
    return Limits(largest, smallest, largest, int(slo.get("max_manifest_segments", 1000)))


def capabilities(url: str, token: str, *, http_conn: Any) -> dict[str, Any]:  # noqa: ARG001 - anybody may ask
    """``/info`` of the cluster that has this account."""
    parsed, connection = http_conn
    root = parsed._replace(path=parsed.path.partition("/v1")[0] + "/info")
    found: dict[str, Any] = swiftclient.get_capabilities((root, connection))
    return found


def listed(row: Row) -> Listed:
    """A row of a listing.

    An empty object has no ETag: a dynamic large object, which is no empty one, is listed the same.
    """
    if "subdir" in row:
        return Listed(row["subdir"], None)
    etag = str(row.get("slo_etag", row["hash"])).strip('"')
    return Listed(row["name"], int(row["bytes"]), "" if etag == EMPTY else etag, row.get("content_type") == DIRECTORY)


def described(name: str, headers: Mapping[str, str], place: str) -> Described:
    """What an object's headers tell; of a large one, nothing of its pieces."""
    length = headers.get("content-length")
    if length is None:
        raise Refused(f"{place} does not tell the size of {name!r}: it has more segments than one listing")
    etag = headers.get("etag", "").strip('"')
    large = is_static(headers) or "x-object-manifest" in headers
    _, _, size = extent(headers.get("content-range"), int(length))
    return Described(name, size, etag, md5="" if large else md5_of(etag))


def with_pieces(found: Described, pieces: tuple[Piece, ...]) -> Described:
    """A large object with its pieces. Raises Transient when they are not those of its size: it has changed."""
    if sum(piece.size for piece in pieces) != found.size:
        raise Transient(f"{found.name!r} was replaced while it was looked at")
    known = all(piece.md5 for piece in pieces) and etag_of(pieces) == found.etag
    return Described(found.name, found.size, found.etag, pieces=pieces, pieces_md5=found.etag if known else "")
