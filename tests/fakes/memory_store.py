"""An object store in memory, for tests that make thousands of objects or faults at a chosen step.

``tests/contract/test_memory_store.py`` holds it to the contract of Swift and S3, where it is as S3 where these differ.
"""

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pfcon.errors import Refused
from pfcon.storage.objects.source import source_md5
from pfcon.storage.objects.store import (
    Changed,
    Described,
    Download,
    LargeUpload,
    Limits,
    Listed,
    ObjectAbsent,
    ObjectStore,
    Part,
    Source,
    Transient,
)

CHUNK = 1 << 20
PAGE = 1000  # names
NAME_MAX = 1024  # bytes


def check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(f"{name!r}: the name is not valid Unicode") from None


def md5_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Stored(NamedTuple):
    data: bytes
    described: Described
    marker: bool


class MemoryStore(ObjectStore):
    """See ObjectStore. ``requests`` counts the requests that a store over HTTP would have had, by kind."""

    name = "s3"

    def __init__(self, container: str = "users") -> None:
        self.place = f"container {container!r} in memory"
        self.objects: dict[str, Stored] = {}
        self.parts: dict[str, dict[int, bytes]] = {}  # of uploads that are not finished
        self.created = True
        self.lock = threading.Lock()
        self.requests: Counter[str] = Counter()

    def add(self, name: str, data: bytes = b"", *, marker: bool = False, parts: int = 0, checked: bool = True) -> None:
        """Store an object; in parts of that size, or with nothing that its bytes could be checked with."""
        described = Described(name, len(data), md5_of(data), md5_of(data) if checked else "")
        if parts:
            blocks = [data[at : at + parts] for at in range(0, len(data), parts)]
            found = tuple(Part(len(block), md5_of(block)) for block in blocks)
            whole = md5_of(b"".join(bytes.fromhex(part.md5) for part in found))
            described = Described(name, len(data), f"{whole}-{len(blocks)}", parts=found, parts_md5=whole, binary=True)
        with self.lock:
            self.objects[name] = Stored(data, described, marker)

    def _find(self, name: str) -> Stored:
        check_name(name)
        with self.lock:
            if not self.created:
                raise Refused(f"there is no {self.place}")
            if name not in self.objects:
                raise ObjectAbsent(f"there is no {name!r} in {self.place}")
            return self.objects[name]

    def _count(self, kind: str) -> None:
        with self.lock:
            self.requests[kind] += 1

    def check(self) -> None:
        if not self.created:
            raise Refused(f"there is no {self.place}")

    def limits(self) -> Limits:
        return Limits(5 << 30, 1, 5 << 30, 1000)

    def create_container(self) -> None:
        self.created = True

    def pages(self, prefix: str, *, delimited: bool = False, limit: int = 0) -> Iterator[list[Listed]]:
        self.check()
        with self.lock:
            names = sorted((name for name in self.objects if name.startswith(prefix)), key=str.encode)
            listed = [
                Listed(name, len(stored.data), stored.described.etag, stored.marker)
                for name, stored in ((name, self.objects[name]) for name in names)
            ]
        if delimited:
            seen: dict[str, Listed] = {}
            for found in listed:
                slash = found.name.find("/", len(prefix))
                name = found.name if slash < 0 else found.name[: slash + 1]
                seen.setdefault(name + "\0" * (slash < 0), found if slash < 0 else Listed(name, None))
            listed = list(seen.values())
        size = limit or PAGE
        for at in range(0, max(len(listed), 1), size):
            self._count("list")
            yield listed[at : at + size]

    def describe(self, name: str) -> Described:
        self._count("describe")
        return self._find(name).described

    @contextmanager
    def download(self, name: str, *, start: int = 0, size: int | None = None, etag: str = "") -> Iterator[Download]:
        self._count("get")
        stored = self._find(name)
        if etag not in ("", stored.described.etag) or 0 < len(stored.data) <= start:
            raise Changed(f"{name!r} in {self.place} was replaced by another version")
        end = len(stored.data) if size is None else min(start + size, len(stored.data))
        yield Download(stored.described, self.chunks(stored.data[start:end], name))

    def chunks(self, data: bytes, name: str) -> Iterator[bytes]:
        """The body of an answer; for faults to be made."""
        for at in range(0, len(data), CHUNK):
            yield data[at : at + CHUNK]

    def put(self, name: str, source: Source, md5: str) -> None:
        check_name(name)
        self._count("put")
        self.check()
        if len(name.encode()) > NAME_MAX:
            raise Refused(f"{self.place} takes no name of more than {NAME_MAX} bytes")
        self.add(name, self.received(name, source, md5))

    def received(self, name: str, source: Source, md5: str) -> bytes:
        """The bytes that were sent."""
        check_name(name)
        data = os.pread(source.file.fileno(), source.size, source.start)
        if md5_of(data) != md5:
            raise Transient(f"{name!r} in {self.place}: the data were corrupted in transit")
        return data

    def large_upload(self, name: str, part_size: int, count: int) -> LargeUpload:
        return _MemoryUpload(self, name, part_size)

    def delete(self, name: str) -> None:
        check_name(name)
        self._count("delete")
        with self.lock:
            self.objects.pop(name, None)


class _MemoryUpload(LargeUpload):
    def __init__(self, store: MemoryStore, name: str, part_size: int) -> None:
        self._store, self._name, self._part_size = store, name, part_size
        self._finished = False

    def uploaded_parts(self) -> dict[int, Part]:
        sent = self._store.parts.get(self._name, {})
        return {number: Part(len(data), md5_of(data)) for number, data in sent.items()}

    def send(self, number: int, source: Source) -> str:
        self._store._count("put")
        md5 = source_md5(source)
        data = self._store.received(self._name, source, md5)
        with self._store.lock:
            self._store.parts.setdefault(self._name, {})[number] = data
        return md5

    def finish(self, parts: list[Part]) -> None:
        if self._finished:
            return
        there = self.uploaded_parts()
        if any(there.get(number) != part for number, part in enumerate(parts)):
            raise Refused(f"{self._name!r} in {self._store.place}: not all of its parts are there")
        sent = self._store.parts.pop(self._name, {})
        self._store.add(self._name, b"".join(sent[number] for number in range(len(parts))), parts=self._part_size)
        self._finished = True

    def abandon(self) -> None:
        self._store.parts.pop(self._name, None)
