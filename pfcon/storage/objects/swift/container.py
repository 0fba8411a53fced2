"""One container of Swift: a method for each kind of request."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import quote

from swiftclient import client as swiftclient
from swiftclient.exceptions import ClientException

from pfcon.errors import Refused
from pfcon.storage.objects.http import CHUNK, range_header, read_body
from pfcon.storage.objects.source import HashingReader, SourceReader
from pfcon.storage.objects.store import ObjectAbsent, Source, Transient
from pfcon.storage.objects.swift.faults import NETWORK_FAULTS, NOT_WHAT_WAS_SENT, RequestTarget, connection_error
from pfcon.storage.objects.swift.responses import Row
from pfcon.storage.objects.swift.session import SwiftSession

UNPROCESSABLE = 422  # HTTP status: what was sent is not what its ETag says


class ObjectResponse(NamedTuple):
    """A response whose body is being read. Header names are in lower case."""

    headers: Mapping[str, str]
    content: Any

    def chunks(self, size: int, place: str) -> Iterator[bytes]:
        """Yield ``size`` bytes of the body, at most 256 KiB each. Raises Transient, Refused."""
        try:
            yield from read_body(self.content.read, size)
        except NETWORK_FAULTS as fault:
            raise connection_error(fault, place) from None


class SwiftContainer:
    """``place`` names the container in messages. Methods raise the errors of ``store``. Thread-safe."""

    def __init__(self, session: SwiftSession, name: str, service: str) -> None:
        self._session = session
        self.name = name
        self.place = f"container {name!r} of {service}"
        self._service = service

    def sibling(self, name: str) -> "SwiftContainer":
        """Return another container of the account. No request."""
        return SwiftContainer(self._session, name, self._service)

    def check(self) -> None:
        """Raise Refused if the container does not exist or access is denied."""
        self._session.call(RequestTarget(self.place), swiftclient.head_container, self.name)

    def create(self) -> None:
        """Create the container. Idempotent."""
        self._session.call(RequestTarget(self.place), swiftclient.put_container, self.name)

    def rows(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        limit: int = 0,
        longest: int = 0,
        after: str = "",
        before: str = "",
    ) -> Iterator[list[Row]]:
        """Yield the listing in pages; one empty page if no name matches.

        limit: names in a page, 0 for the store's default. longest: that default, 0 if unknown. after, before: only
        names between these.
        """
        marker = after
        while True:
            _, rows = self._session.call(
                RequestTarget(self.place),
                swiftclient.get_container,
                self.name,
                marker=marker,
                end_marker=before or None,
                limit=limit or None,
                prefix=prefix,
                delimiter=delimiter or None,
            )
            if rows or marker == after:
                yield rows
            if is_last(len(rows), limit or longest or 1):
                return
            marker = rows[-1].get("name") or rows[-1]["subdir"]

    def root_rows(self, *, limit: int = 0, longest: int = 0) -> Iterator[list[Row]]:
        """Yield the listing of the whole container with the delimiter ``/``; one empty page if it is empty.

        radosgw leaves out the common prefix that is the delimiter alone, and counts it as a name of the page.
        """
        first = self.rows("", delimiter="/", limit=limit, longest=longest, before="/")
        slash = ([{"subdir": "/"}] for page in self.rows("/", limit=1) if page)
        last = self.rows("", delimiter="/", limit=limit, longest=longest, after="/")
        empty = True
        for page in chain(first, (next(slash, []),), last):
            if page:
                yield page
                empty = False
        if empty:
            yield []

    def head(self, name: str) -> Mapping[str, str]:
        """Return an object's headers."""
        with self._checking_container():
            found: Mapping[str, str] = self._session.call(
                RequestTarget(self.place, name), swiftclient.head_object, self.name, name
            )
            return found

    def manifest(self, name: str) -> tuple[str, list[Row] | None]:
        """Return the ETag and the entries of a static large object's manifest (at most 8 MiB by Swift's default).

        None for the entries if the store does not return them: radosgw's response is empty.
        """
        with self._checking_container():
            headers, content = self._session.call(
                RequestTarget(self.place, name),
                swiftclient.get_object,
                self.name,
                name,
                query_string="multipart-manifest=get",
            )
        try:
            entries = json.loads(content) if content.strip() else None
        except ValueError:
            raise Refused(f"{self.place} returns no valid manifest of {name!r}") from None
        return headers.get("etag", "").strip('"'), entries

    @contextmanager
    def get(self, name: str, start: int, size: int | None) -> Iterator[ObjectResponse]:
        """Get an object, or ``size`` bytes (None: the rest) from offset ``start``."""
        bounds = range_header(start, size)
        request = self._session.stream(
            RequestTarget(self.place, name),
            swiftclient.get_object,
            self.name,
            name,
            resp_chunk_size=CHUNK,
            headers={"Range": bounds} if bounds else {},
        )
        with ExitStack() as stack:
            with self._checking_container():
                response_headers, content = stack.enter_context(request)
            stack.callback(content.close)
            yield ObjectResponse(response_headers, content)

    def put(self, name: str, source: Source, md5: str = "") -> str:
        """Store an object with one request, and return its hex MD5. Swift verifies ``md5``.

        Without ``md5``, it is computed while the object is sent, and compared with Swift's. If they differ, the wrong
        object is stored: raises Transient, and the retry replaces it.
        """

        def send(url: str, token: str, *, http_conn: Any) -> str:
            hashing = None if md5 else HashingReader(source)
            contents = (hashing or SourceReader(source)) if source.size else b""
            etag: str = swiftclient.put_object(
                url, token, self.name, name, contents, content_length=source.size, etag=md5, http_conn=http_conn
            )
            if hashing is not None and hashing.hexdigest() != etag:
                raise Transient(f"{name!r} in {self.place}: {NOT_WHAT_WAS_SENT}")
            return md5 or etag

        try:
            with self._checking_container():
                return self._session.call(RequestTarget(self.place, name), send)
        except ObjectAbsent:  # about the container: a proxy has cached that it does not exist
            raise Transient(f"{self.place} is new, and some servers of Swift do not know it yet") from None

    def put_manifest(self, name: str, manifest: bytes, etag: str = "") -> str | None:
        """Create a static large object, and return its ETag, ``""`` if unknown; None if ``etag`` was refused (422).

        Swift verifies the ETag and every segment before it responds; radosgw only that they exist with their sizes.
        Raises Refused if a segment is missing.
        """

        def send(url: str, token: str, *, http_conn: Any) -> str | None:  # noqa: ARG001 - the connection has it
            parsed, connection = http_conn
            path = f"{parsed.path}/{quote(self.name)}/{quote(name)}?multipart-manifest=put&heartbeat=on"
            headers = {"X-Auth-Token": token, "Accept": "application/json", **({"ETag": etag} if etag else {})}
            connection.request("PUT", path, manifest, headers)
            response = connection.getresponse()
            text = response.read()
            if response.status == UNPROCESSABLE and etag:
                return None
            if not 200 <= response.status < 300:
                raise ClientException.from_response(response, "manifest", text)
            return (etag_of_result(text) or response.getheader("ETag") or "").strip('"')

        try:
            with self._checking_container():
                return self._session.call(RequestTarget(self.place, name), send)
        except ObjectAbsent:
            raise Refused(f"{name!r} in {self.place}: a part of it is missing") from None

    def delete(self, name: str) -> None:
        """Remove an object. Idempotent."""
        try:
            with self._checking_container():
                self._session.call(RequestTarget(self.place, name), swiftclient.delete_object, self.name, name)
        except ObjectAbsent:
            return

    @contextmanager
    def _checking_container(self) -> Iterator[None]:
        """After a 404 for an object, raise Refused if it is the container that does not exist."""
        try:
            yield
        except ObjectAbsent:
            self.check()
            raise


def is_last(found: int, asked: int) -> bool:
    """Return whether a page with ``found`` names, of ``asked``, is the last one.

    A page that is not full is. But a server may have a limit of its own, which ``/info`` does not contain: radosgw's
    ``rgw_max_listing_results``, 1000 up to Ceph 18. Such limits are round numbers; so after a round number of names the
    next page is requested too.
    """
    return not found or (found < asked and bool(found % 100) and bool(found % 128))


def etag_of_result(text: bytes) -> str:
    """Return the ETag in the body of a response with heartbeats, ``""`` without one.

    Raises ClientException if the body reports an error: Swift sends such a response before the request is done. Swift's
    documentation, "Static Large Objects", ``heartbeat``: blanks, then JSON. A server without heartbeats sends no body.
    """
    result = json.loads(text) if text.strip() else {}
    status = int(result.get("Response Status", "201").split()[0])
    if not 200 <= status < 300:
        reasons = [" ".join(map(str, error)) for error in result.get("Errors", ())]
        raise ClientException("", http_status=status, http_response_content="; ".join(reasons[:3]).encode())
    return str(result.get("Etag", ""))
