"""One container of Swift: its requests, one by one."""

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
from pfcon.storage.objects.swift_access import SwiftAccess
from pfcon.storage.objects.swift_answers import Row
from pfcon.storage.objects.swift_faults import NETWORK_FAULTS, NOT_WHAT_WAS_SENT, Asked, unanswered


class Answer(NamedTuple):
    """An object that is being read. Names of headers are in lower case."""

    headers: Mapping[str, str]
    content: Any

    def chunks(self, size: int, place: str) -> Iterator[bytes]:
        """The bytes, at most 256 KiB at a time. Raises Transient."""
        try:
            yield from read_body(self.content.read, size)
        except NETWORK_FAULTS as fault:
            raise unanswered(fault, place) from None


class SwiftContainer:
    """``place`` names it in messages. Methods raise the seam's errors."""

    def __init__(self, access: SwiftAccess, name: str, service: str) -> None:
        self._access = access
        self.name = name
        self.place = f"container {name!r} of {service}"
        self._service = service

    def sibling(self, name: str) -> "SwiftContainer":
        """Another container of the account."""
        return SwiftContainer(self._access, name, self._service)

    def check(self) -> None:
        """Raise Refused when there is no such container, or no right to see it."""
        self._access.call(Asked(self.place), swiftclient.head_container, self.name)

    def create(self) -> None:
        """Create the container; one that is there stays."""
        self._access.call(Asked(self.place), swiftclient.put_container, self.name)

    def rows(self, prefix: str, *, delimiter: str = "", limit: int = 0, longest: int = 0) -> Iterator[list[Row]]:
        """The listing, a page at a time; one empty page where there is nothing.

        ``longest``: the names that the store puts in a page without a limit, 0 where that is not known.
        """
        marker = ""
        while True:
            _, rows = self._access.call(
                Asked(self.place),
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
        """An object's headers."""
        with self._telling_apart():
            found: Mapping[str, str] = self._access.call(
                Asked(self.place, name), swiftclient.head_object, self.name, name
            )
            return found

    def manifest(self, name: str) -> tuple[str, list[Row]]:
        """The ETag and the entries of a static large object's manifest, below 8 MiB as Swift has it by default."""
        with self._telling_apart():
            headers, content = self._access.call(
                Asked(self.place, name),
                swiftclient.get_object,
                self.name,
                name,
                query_string="multipart-manifest=get",
            )
        return headers.get("etag", "").strip('"'), json.loads(content)

    @contextmanager
    def get(self, name: str, start: int, size: int | None, etag: str) -> Iterator[Answer]:
        """An object, or a part of it."""
        headers = {"If-Match": f'"{etag}"'} if etag else {}
        if bounds := range_header(start, size):
            headers["Range"] = bounds
        request = self._access.holding(
            Asked(self.place, name),
            swiftclient.get_object,
            self.name,
            name,
            resp_chunk_size=CHUNK,
            headers=headers,
        )
        with ExitStack() as stack:
            with self._telling_apart():
                told, content = stack.enter_context(request)
            stack.callback(content.close)
            yield Answer(told, content)

    def put(self, name: str, source: Source, md5: str = "") -> str:
        """Store an object in one request, and give back its MD5. Swift compares the one that is given.

        Without one, it is computed while the object is sent, and compared with Swift's. Where they differ the wrong
        object is there: that is Transient, and the next request replaces it.
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
            with self._telling_apart():
                return self._access.call(Asked(self.place, name), send)
        except ObjectAbsent:  # nobody asked for one: a proxy remembers that there was no such container
            raise Transient(f"{self.place} is so new that not all of Swift knows it") from None

    def put_manifest(self, name: str, manifest: bytes, etag: str) -> None:
        """Make a static large object. Swift compares the ETag, and looks at every segment while we wait."""

        def send(url: str, token: str, *, http_conn: Any) -> None:  # noqa: ARG001 - the connection has it
            parsed, connection = http_conn
            path = f"{parsed.path}/{quote(self.name)}/{quote(name)}?multipart-manifest=put&heartbeat=on"
            headers = {"X-Auth-Token": token, "ETag": etag, "Accept": "application/json"}
            connection.request("PUT", path, manifest, headers)
            answer = connection.getresponse()
            text = answer.read()
            if not 200 <= answer.status < 300:
                raise ClientException.from_response(answer, "manifest", text)
            raise_verdict(text)

        with self._telling_apart():
            self._access.call(Asked(self.place, name), send)

    def delete(self, name: str) -> None:
        """Remove an object; none is none."""
        try:
            with self._telling_apart():
                self._access.call(Asked(self.place, name), swiftclient.delete_object, self.name, name)
        except ObjectAbsent:
            return

    @contextmanager
    def _telling_apart(self) -> Iterator[None]:
        """Swift answers 404 for an object also where there is no container: that is Refused."""
        try:
            yield
        except ObjectAbsent:
            self.check()
            raise


def raise_verdict(text: bytes) -> None:
    """Raise ClientException for what comes after the heartbeats of a request that was answered before its end.

    Swift's documentation, "Static Large Objects", ``heartbeat``: blanks, then JSON. A Swift that has no heartbeats
    sends nothing.
    """
    verdict = json.loads(text) if text.strip() else {}
    status = int(verdict.get("Response Status", "201").split()[0])
    if not 200 <= status < 300:
        reasons = [" ".join(map(str, error)) for error in verdict.get("Errors", ())]
        raise ClientException("", http_status=status, http_response_content="; ".join(reasons[:3]).encode())
