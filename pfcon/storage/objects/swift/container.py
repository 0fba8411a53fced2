"""One container of Swift: a method for each kind of request."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

from swiftclient import client as swiftclient
from swiftclient.exceptions import ClientException

from pfcon.storage.objects.http import CHUNK, range_header, read_body
from pfcon.storage.objects.source import HashingReader, SourceReader
from pfcon.storage.objects.store import ObjectAbsent, Source, Transient
from pfcon.storage.objects.swift.faults import NETWORK_FAULTS, NOT_WHAT_WAS_SENT, RequestTarget, connection_error
from pfcon.storage.objects.swift.responses import Row
from pfcon.storage.objects.swift.session import SwiftSession


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

    def rows(self, prefix: str, *, delimiter: str = "", limit: int = 0, longest: int = 0) -> Iterator[list[Row]]:
        """Yield the listing in pages; one empty page if no name matches.

        limit: names in a page, 0 for the store's default. longest: that default, 0 if unknown.
        """
        marker = ""
        while True:
            _, rows = self._session.call(
                RequestTarget(self.place),
                swiftclient.get_container,
                self.name,
                marker=marker,
                limit=limit or None,
                prefix=prefix,
                delimiter=delimiter or None,
            )
            if rows or not marker:
                yield rows
            if len(rows) < (limit or longest or 1):
                return
            marker = rows[-1].get("name") or rows[-1]["subdir"]

    def head(self, name: str) -> Mapping[str, str]:
        """Return an object's headers."""
        with self._checking_container():
            found: Mapping[str, str] = self._session.call(
                RequestTarget(self.place, name), swiftclient.head_object, self.name, name
            )
            return found

    def manifest(self, name: str) -> tuple[str, list[Row]]:
        """Return the ETag and the entries of a static large object's manifest (at most 8 MiB by Swift's default)."""
        with self._checking_container():
            headers, content = self._session.call(
                RequestTarget(self.place, name),
                swiftclient.get_object,
                self.name,
                name,
                query_string="multipart-manifest=get",
            )
        return headers.get("etag", "").strip('"'), json.loads(content)

    @contextmanager
    def get(self, name: str, start: int, size: int | None, etag: str) -> Iterator[ObjectResponse]:
        """Get an object, or ``size`` bytes (None: the rest) from offset ``start``. With ``etag``, only that version."""
        headers = {"If-Match": f'"{etag}"'} if etag else {}
        if bounds := range_header(start, size):
            headers["Range"] = bounds
        request = self._session.stream(
            RequestTarget(self.place, name),
            swiftclient.get_object,
            self.name,
            name,
            resp_chunk_size=CHUNK,
            headers=headers,
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

    def put_manifest(self, name: str, manifest: bytes, etag: str) -> None:
        """Create a static large object. Swift verifies the ETag and every segment before it responds."""

        def send(url: str, token: str, *, http_conn: Any) -> None:  # noqa: ARG001 - the connection has it
            parsed, connection = http_conn
            path = f"{parsed.path}/{quote(self.name)}/{quote(name)}?multipart-manifest=put&heartbeat=on"
            headers = {"X-Auth-Token": token, "ETag": etag, "Accept": "application/json"}
            connection.request("PUT", path, manifest, headers)
            response = connection.getresponse()
            text = response.read()
            if not 200 <= response.status < 300:
                raise ClientException.from_response(response, "manifest", text)
            raise_for_result(text)

        with self._checking_container():
            self._session.call(RequestTarget(self.place, name), send)

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


def raise_for_result(text: bytes) -> None:
    """Raise ClientException if the body of a response with heartbeats reports an error.

    Swift sends such a response before the request is done: Swift's documentation, "Static Large Objects",
    ``heartbeat``: blanks, then JSON. A Swift without heartbeats sends an empty body.
    """
    result = json.loads(text) if text.strip() else {}
    status = int(result.get("Response Status", "201").split()[0])
    if not 200 <= status < 300:
        reasons = [" ".join(map(str, error)) for error in result.get("Errors", ())]
        raise ClientException("", http_status=status, http_response_content="; ".join(reasons[:3]).encode())
