"""Multipart uploads to Swift: parts are objects of a second container; the manifest makes them one object."""

import secrets
from collections.abc import Set
from contextlib import suppress
from threading import Lock

from pfcon.errors import Refused
from pfcon.storage.objects.http import md5_of, not_utf8
from pfcon.storage.objects.store import LargeUpload, ObjectAbsent, Part, Source, Transient
from pfcon.storage.objects.swift.container import SwiftContainer
from pfcon.storage.objects.swift.faults import NOT_WHAT_WAS_SENT, NoContainer
from pfcon.storage.objects.swift.large_objects import (
    StoredPart,
    attempts_of,
    attempts_with,
    etag_of,
    manifest,
    manifest_entries,
    part_name,
    parts_prefix,
    stored_part,
)
from pfcon.storage.objects.swift.responses import described, is_static


class SwiftLargeUpload(LargeUpload):
    """See LargeUpload. Every attempt has an id, which the names of its parts contain: versions share no parts.

    An unfinished attempt, whose parts no manifest uses, is resumed: the one with the most parts.
    """

    def __init__(self, objects: SwiftContainer, parts: SwiftContainer, name: str) -> None:
        self._objects = objects
        self._parts = parts
        self._name = name
        self._lock = Lock()
        self._begun: tuple[str, dict[int, Part]] | None = None

    def uploaded_parts(self) -> dict[int, Part]:
        """See LargeUpload."""
        return dict(self._begin()[1])

    def send(self, number: int, source: Source) -> str:
        """See LargeUpload."""
        return self._parts.put(self._part(number), source)

    def finish(self, parts: list[Part]) -> None:
        """See LargeUpload."""
        names = [self._part(number) for number in range(len(parts))]
        content = manifest(self._parts.name, names, parts)
        if self._objects.put_manifest(self._name, content, etag_of(parts)) is None:
            self._finish_without_etag(content, parts)
        drop_parts(self._parts, self._name, keep=set(names))

    def abandon(self) -> None:
        """See LargeUpload."""
        upload = self._begin()[0]
        with suppress(NoContainer):
            for found in stored(self._parts, self._name):
                if found.upload == upload:
                    self._parts.delete(part_name(self._name, found))

    def _begin(self) -> tuple[str, dict[int, Part]]:
        """Return the id of this attempt, and the parts that were stored with that id before."""
        with self._lock:
            if self._begun is None:
                attempts: dict[str, dict[int, Part]] = {}
                try:
                    attempts = attempts_of(stored(self._parts, self._name))
                except NoContainer:
                    self._objects.check()  # raises for a missing container, before one for its parts is made
                    self._parts.create()
                for used in self._used(attempts) if attempts else ():
                    attempts.pop(used, None)
                upload = max(attempts, key=lambda each: len(attempts[each]), default=secrets.token_hex(16))
                self._begun = upload, attempts.get(upload, {})
            return self._begun

    def _finish_without_etag(self, content: bytes, parts: list[Part]) -> None:
        """Create the object where the store refuses the ETag of a manifest: radosgw does, whatever it is.

        radosgw does not verify the parts' ETags in the manifest either, so they are verified first.
        """
        there = stored(self._parts, self._name)
        for number, part in enumerate(parts):
            if there.get(StoredPart(self._begin()[0], number)) != part:
                raise Refused(f"{self._name!r} in {self._objects.place}: part {number} is not stored as it was sent")
        etag = self._objects.put_manifest(self._name, content)
        if (etag or self._objects.head(self._name).get("etag", "").strip('"')) != etag_of(parts):
            raise Transient(f"{self._name!r} in {self._objects.place}: {NOT_WHAT_WAS_SENT}")

    def _used(self, attempts: dict[str, dict[int, Part]]) -> set[str]:
        """Return the ids of the attempts whose parts the current version of the object consists of.

        All of them if the store returns no manifest, and none of them is known to be that version.
        """
        try:
            headers = self._objects.head(self._name)
            if not is_static(headers):
                return set()
            _, entries = self._objects.manifest(self._name)
        except ObjectAbsent:
            return set()
        if entries is None:
            now = described(self._name, headers, self._objects.place)
            return set(attempts_with(now.etag, now.size, attempts)) or set(attempts)
        ours = (
            stored_part(self._name, entry.name)
            for entry in manifest_entries(entries)
            if entry.container == self._parts.name
        )
        return {found.upload for found in ours if found is not None}

    def _part(self, number: int) -> str:
        return part_name(self._name, StoredPart(self._begin()[0], number))


def stored(parts: SwiftContainer, name: str) -> dict[StoredPart, Part]:
    """Return all stored parts of the object ``name``, of every attempt. Raises NoContainer."""
    try:
        prefix = parts_prefix(name)
    except UnicodeEncodeError:
        raise not_utf8(name, parts.place) from None
    rows = [row for page in parts.rows(prefix) for row in page]
    found = ((stored_part(name, row["name"]), Part(int(row["bytes"]), md5_of(row["hash"]))) for row in rows)
    return {which: part for which, part in found if which is not None}


def drop_parts(parts: SwiftContainer, name: str, keep: Set[str]) -> None:
    """Remove the stored parts of the object ``name``, of every attempt, except the names in ``keep``."""
    for which in stored(parts, name):
        if (segment := part_name(name, which)) not in keep:
            parts.delete(segment)
