"""OpenStack Swift as an ObjectStore."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from swiftclient import client as swiftclient
from swiftclient.exceptions import ClientException

from pfcon.errors import Refused
from pfcon.storage.objects.http import Timeouts, extent, md5_of, quiet_request_logs
from pfcon.storage.objects.store import (
    Changed,
    Described,
    Download,
    Limits,
    Listed,
    ObjectAbsent,
    ObjectStore,
    Part,
    Source,
    Transient,
)
from pfcon.storage.objects.swift.container import SwiftContainer
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.objects.swift.faults import NoContainer, RequestTarget
from pfcon.storage.objects.swift.large_objects import (
    CLIENT_SEGMENTS,
    attempts_by_directory,
    attempts_of,
    attempts_with,
    manifest_entries,
    segments_container,
)
from pfcon.storage.objects.swift.login import login_of
from pfcon.storage.objects.swift.responses import (
    Row,
    described,
    is_static,
    limits_of,
    listed,
    shows_manifest,
    with_parts,
)
from pfcon.storage.objects.swift.session import SwiftSession, TokenCache
from pfcon.storage.objects.swift.upload import SwiftLargeUpload, drop_parts, stored

MAX_NESTED = 10  # levels of manifests within manifests: Swift's limit
INFO_REFUSED = (400, 401, 403, 404, 405)
NO_PARTS_SECONDS = 60.0  # how long the absence of the container of parts is cached


class SwiftStore(ObjectStore):
    """Uses python-swiftclient. The constructor raises ConfigurationError if a library is missing."""

    name = "swift"

    def __init__(self, settings: SwiftSettings, timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008 - immutable
        quiet_request_logs("swiftclient", "keystoneauth", "urllib3", "requests")
        self._session = SwiftSession(TokenCache(login_of(settings, timeouts)), timeouts)
        self._objects = SwiftContainer(self._session, settings.container, settings.auth_url)
        self._parts = self._objects.sibling(segments_container(settings.container))
        self.place = self._objects.place
        self._lock = Lock()
        self._capabilities: dict[str, Any] | None = None
        self._no_parts_until = 0.0

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
        longest = int(self._info().get("swift", {}).get("container_listing_limit", 0))
        limit = min(limit, longest) if limit and longest else limit  # Swift refuses more
        if delimited and not prefix:
            pages = self._objects.root_rows(limit=limit, longest=longest)
        else:
            pages = self._objects.rows(prefix, delimiter="/" if delimited else "", limit=limit, longest=longest)
        for rows in pages:
            yield [found for row in rows if (found := self._listed(row)) is not None]

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
        # No If-Match: radosgw compares it with the ETag of the manifest, which is another one.
        with self._objects.get(name, start, size) as response:
            found = described(name, response.headers, self.place)
            if etag not in ("", found.etag):
                raise Changed(f"{name!r} in {self.place} was replaced by another version")
            first, length, _ = extent(response.headers.get("content-range"), found.size)
            if first != start:
                raise Refused(f"{self.place} can't return a range of {name!r}")
            yield Download(found, response.chunks(length, self.place))

    def put(self, name: str, source: Source, md5: str) -> None:
        """See ObjectStore."""
        self._objects.put(name, source, md5)
        self._drop_parts(name)

    def large_upload(self, name: str, part_size: int, count: int) -> SwiftLargeUpload:  # noqa: ARG002 - the manifest tells
        """See ObjectStore."""
        if not self.limits().parts_max:
            raise Refused(f"{self.place} has no static large objects: {name!r} is too large for it")
        self._no_parts_until = 0.0
        return SwiftLargeUpload(self._objects, self._parts, name)

    def delete(self, name: str) -> None:
        """See ObjectStore."""
        self._objects.delete(name)
        self._drop_parts(name)

    def _drop_parts(self, name: str) -> None:
        """Remove the parts of the replaced version. No request while the container of parts is known to be missing."""
        if time.monotonic() >= self._no_parts_until:
            try:
                drop_parts(self._parts, name, keep=frozenset())
            except Refused:  # the container is missing, or not accessible: pfcon has no parts in it
                self._no_parts_until = time.monotonic() + NO_PARTS_SECONDS

    def _info(self) -> dict[str, Any]:
        """Return the cluster's capabilities; cached after the first request."""
        with self._lock:
            if self._capabilities is None:
                self._capabilities = self._session.call(RequestTarget(self.place), capabilities)
            return self._capabilities

    def _listed(self, row: Row) -> Listed | None:
        """Return a row of a listing; one more request for a large object's that has the size of its manifest.

        None if that object does not exist any more.
        """
        found = listed(row)
        if found.size is None or not shows_manifest(row):
            return found
        try:
            whole = described(found.name, self._objects.head(found.name), self.place)
        except ObjectAbsent:
            return None
        return found._replace(size=whole.size, etag=whole.etag)

    def _static(self, name: str, headers: Mapping[str, str]) -> Described:
        etag, entries = self._objects.manifest(name)
        if entries is None:
            return self._without_manifest(described(name, headers, self.place))
        if headers.get("x-manifest-etag", etag).strip('"') != etag:
            raise Transient(f"{name!r} was replaced while it was read")
        parts = tuple(self._leaf_parts(self._objects, entries, MAX_NESTED))
        return with_parts(described(name, headers, self.place), parts)

    def _without_manifest(self, found: Described) -> Described:
        """Return an object with its parts, if some of pfcon's or python-swiftclient's have MD5s that make its ETag."""
        try:
            for attempts in self._attempts(found.name):
                for parts in attempts_with(found.etag, found.size, attempts).values():
                    return with_parts(found, parts)
        except NoContainer:
            pass
        if described(found.name, self._objects.head(found.name), self.place) != found:
            raise Transient(f"{found.name!r} was replaced while it was read")
        return found

    def _attempts(self, name: str) -> Iterator[dict[str, dict[int, Part]]]:
        """Yield the stored parts of an object by their attempts: first pfcon's, then python-swiftclient's."""
        yield attempts_of(stored(self._parts, name))
        rows = (row for page in self._parts.rows(name + CLIENT_SEGMENTS) for row in page)
        yield attempts_by_directory((row["name"], Part(int(row["bytes"]), md5_of(row["hash"]))) for row in rows)

    def _leaf_parts(self, container: SwiftContainer, entries: list[Row], levels: int) -> Iterator[Part]:
        for entry in manifest_entries(entries):
            if entry.nested and levels:
                below = container.sibling(entry.container)
                yield from self._leaf_parts(below, below.manifest(entry.name)[1] or [], levels - 1)
            else:
                yield entry.part

    def _dynamic(self, name: str, headers: Mapping[str, str]) -> Described:
        # The header is percent-encoded; python-swiftclient has decoded it.
        container, _, prefix = headers["x-object-manifest"].lstrip("/").partition("/")
        pages = self._objects.sibling(container).rows(prefix)
        parts = tuple(
            Part(int(row["bytes"]), "" if "slo_etag" in row else md5_of(row["hash"])) for rows in pages for row in rows
        )
        size = sum(part.size for part in parts)
        return with_parts(described(name, {**headers, "content-length": str(size)}, self.place), parts)


def capabilities(url: str, token: str, *, http_conn: Any) -> dict[str, Any]:  # noqa: ARG001 - a function of SwiftSession has it
    """Return ``/info`` of the account's cluster; empty if the cluster does not publish it. Needs no token."""
    parsed, connection = http_conn
    root = parsed._replace(path=parsed.path.partition("/v1")[0] + "/info")
    try:
        found: dict[str, Any] = swiftclient.get_capabilities((root, connection))
    except ClientException as error:
        if error.http_status in INFO_REFUSED:
            return {}
        raise
    return found
