"""Sending one output file to a store: whole, or in parts that several threads send at once."""

import contextlib
import os
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from pfcon.errors import PfconError, Refused
from pfcon.storage.objects.checksums import holds
from pfcon.storage.objects.parts import part_ranges
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.source import source_md5
from pfcon.storage.objects.store import LargeUpload, ObjectAbsent, ObjectStore, Part, Source, Transient
from pfcon.storage.objects.there import Known

T = TypeVar("T")


class FileChanged(Refused):
    """A file was written to while it was sent."""


class OutputFile:
    """A file of the outputs, open, and what it was then. Owns ``descriptor``. ``path`` is relative to the outputs."""

    def __init__(self, descriptor: int, path: str, name: str) -> None:
        """name: of its object."""
        self.file = open(descriptor, "rb")  # noqa: SIM115 - ``close`` closes it
        self.path, self.name = path, name
        self._then = self._now()
        self.size = self._then[0]

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self.file.fileno())
        return found.st_size, found.st_mtime_ns

    def require_unchanged(self) -> None:
        """Raises FileChanged."""
        if self._now() != self._then:
            raise FileChanged(
                f"output file {self.path!r} was changed while it was uploaded; post the upload again when nothing"
                " writes to the outputs any more"
            )

    def close(self) -> None:
        """Repeatable."""
        self.file.close()


class Sender:
    """Makes the requests of one transfer, patiently."""

    def __init__(self, store: ObjectStore, retrying: Retrying) -> None:
        self._store, self._retrying = store, retrying

    def send_whole(self, file: OutputFile, known: Known | None) -> bool:
        """Make the object hold a file, in one request; whether that was needed. Raises FileChanged, Refused."""
        source = Source(file.file, 0, file.size)
        md5 = self.md5(source)
        file.require_unchanged()
        if known == Known(file.size, md5):
            return False
        self.request(file, lambda: self._store.put(file.name, source, md5))
        return True

    def has(self, file: OutputFile) -> bool:
        """Whether the store's object is known to hold a large file. Reads the file."""
        try:
            described = self.request(file, lambda: self._store.describe(file.name))
        except ObjectAbsent:
            return False
        same = holds(file.file.fileno(), described, self._retrying.check)
        file.require_unchanged()
        return same

    def begin(self, file: OutputFile, part_size: int) -> "FileInParts":
        """Begin to send a large file, or go on with what an earlier try has sent of it."""
        upload = self.request(file, lambda: self._store.large_upload(file.name, part_size))
        return FileInParts(self, file, part_size, upload, self.request(file, upload.uploaded_parts))

    def md5(self, source: Source) -> str:
        """Hex MD5 of a file, or of a part of it."""
        return source_md5(source, self._retrying.check)

    def request(self, file: OutputFile, request: Callable[[], T]) -> T:
        """Make a request for a file, patiently.

        A store that gets other bytes than those of the MD5 refuses them in some way: the reason is the file then, and
        FileChanged tells it.
        """

        def attempt() -> T:
            try:
                return request()
            except (Transient, PfconError):
                file.require_unchanged()
                raise

        return self._retrying.call(f"output file {file.path!r}", attempt)


class FileInParts:
    """A large file on its way. ``numbers``: those of its parts, each of which one thread sends."""

    def __init__(
        self, sender: Sender, file: OutputFile, part_size: int, upload: LargeUpload, there: dict[int, Part]
    ) -> None:
        self._sender, self._file, self._upload, self._there = sender, file, upload, there
        self._ranges = list(part_ranges(file.size, part_size))
        self._done: dict[int, Part] = {}
        self._lock = Lock()
        self.numbers = range(len(self._ranges))

    def send(self, number: int) -> tuple[int, bool]:
        """Send one part, unless it is there, and after the last one make the object appear.

        Gives back the bytes that were sent, and whether the object is there now. Raises FileChanged.
        """
        start, size = self._ranges[number]
        source = Source(self._file.file, start, size)
        part = self._there.get(number)
        sent = 0
        if part is None or part != Part(size, self._sender.md5(source)):
            part = Part(size, self._sender.request(self._file, lambda: self._upload.send(number, source)))
            sent = size
        self._file.require_unchanged()
        with self._lock:
            self._done[number] = part
            last = len(self._done) == len(self._ranges)
        if last:
            self._file.require_unchanged()
            self._finish([self._done[number] for number in self.numbers])
        return sent, last

    def abandon_if_changed(self) -> None:
        """Take parts back that no later try can use. No thread may be sending any."""
        try:
            self._file.require_unchanged()
        except FileChanged:
            with contextlib.suppress(Transient, PfconError):
                self._upload.abandon()

    def _finish(self, parts: list[Part]) -> None:
        """The answer to a request that did its work may get lost: then the next one finds nothing to finish."""
        tries = 0

        def attempt() -> None:
            nonlocal tries
            tries += 1
            try:
                self._upload.finish(parts)
            except PfconError:
                if tries == 1 or not self._sender.has(self._file):
                    raise

        self._sender.request(self._file, attempt)
