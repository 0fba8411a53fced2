"""Uploads of one output file: with one request, or in parts that several threads send in parallel."""

import contextlib
import os
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from pfcon.errors import PfconError, Refused
from pfcon.storage.objects.checksums import holds
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.source import source_md5
from pfcon.storage.objects.store import LargeUpload, ObjectAbsent, ObjectStore, Part, Source, Transient
from pfcon.storage.objects.upload.existing import ExistingObject
from pfcon.storage.objects.upload.parts import part_ranges

T = TypeVar("T")


class FileChanged(Refused):
    """A file was changed while it was uploaded."""


class OutputFile:
    """An open output file, with its size and modification time when it was opened. Owns ``descriptor``.

    ``path`` is relative to the outputs; ``size`` is in bytes.
    """

    def __init__(self, descriptor: int, path: str, name: str) -> None:
        """name: of the object that is to contain the file."""
        self.file = open(descriptor, "rb")  # noqa: SIM115 - ``close`` closes it
        self.path, self.name = path, name
        self._then = self._now()
        self.size = self._then[0]

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self.file.fileno())
        return found.st_size, found.st_mtime_ns

    def require_unchanged(self) -> None:
        """Raise FileChanged if the size or the modification time is another one now."""
        if self._now() != self._then:
            raise FileChanged(
                f"output file {self.path!r} was changed while it was uploaded; post the upload again when nothing"
                " writes to the outputs any more"
            )

    def close(self) -> None:
        """Close the file. Idempotent."""
        self.file.close()


class Sender:
    """Makes the requests of one upload, with retries. Thread-safe."""

    def __init__(self, store: ObjectStore, retrying: Retrying) -> None:
        self._store, self._retrying = store, retrying

    def send_whole(self, file: OutputFile, known: ExistingObject | None) -> bool:
        """Upload a file with one request, unless ``known``, the existing object, holds it; return whether it was sent.

        Raises FileChanged, Refused, Unreachable, Cancelled.
        """
        source = Source(file.file, 0, file.size)
        md5 = self.md5(source)
        file.require_unchanged()
        if known == ExistingObject(file.size, md5):
            return False
        self.request(file, lambda: self._store.put(file.name, source, md5))
        return True

    def has(self, file: OutputFile) -> bool:
        """Return whether the store's object is proved to hold a large file, see ``checksums.holds``. Reads the file."""
        try:
            described = self.request(file, lambda: self._store.describe(file.name))
        except ObjectAbsent:
            return False
        same = holds(file.file.fileno(), described, self._retrying.check)
        file.require_unchanged()
        return same

    def begin(self, file: OutputFile, part_size: int) -> "FileInParts":
        """Begin the multipart upload of a large file, or resume that of an earlier attempt. part_size: bytes."""
        count = len(list(part_ranges(file.size, part_size)))
        upload = self.request(file, lambda: self._store.large_upload(file.name, part_size, count))
        return FileInParts(self, file, part_size, upload, self.request(file, upload.uploaded_parts))

    def md5(self, source: Source) -> str:
        """Return the hex MD5 of a file, or of a section of it."""
        return source_md5(source, self._retrying.check)

    def request(self, file: OutputFile, request: Callable[[], T]) -> T:
        """Make a request for a file, with retries; return its result.

        Raises FileChanged if a request fails and the file was changed: a store refuses bytes that don't match their
        MD5, and the change is the cause.
        """

        def attempt() -> T:
            try:
                return request()
            except (Transient, PfconError):
                file.require_unchanged()
                raise

        return self._retrying.call(f"output file {file.path!r}", attempt)


class FileInParts:
    """The multipart upload of a large file. ``numbers``: those of its parts; each is to be sent once, by any thread."""

    def __init__(
        self, sender: Sender, file: OutputFile, part_size: int, upload: LargeUpload, uploaded: dict[int, Part]
    ) -> None:
        self._sender, self._file, self._upload, self._uploaded = sender, file, upload, uploaded
        self._ranges = list(part_ranges(file.size, part_size))
        self._done: dict[int, Part] = {}
        self._lock = Lock()
        self.numbers = range(len(self._ranges))

    def send(self, number: int) -> tuple[int, bool]:
        """Send one part, unless an earlier attempt has stored it; after the last part, create the object.

        Return the number of bytes that were sent, and whether the object is complete. Raises FileChanged, Refused,
        Unreachable, Cancelled.
        """
        start, size = self._ranges[number]
        source = Source(self._file.file, start, size)
        part = self._uploaded.get(number)
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
        """Remove the uploaded parts if the file was changed: they are of no use then. No thread may be sending."""
        try:
            self._file.require_unchanged()
        except FileChanged:
            with contextlib.suppress(Transient, PfconError):
                self._upload.abandon()

    def _finish(self, parts: list[Part]) -> None:
        """Create the object.

        If the response to a successful request was lost, its retry fails: then the file is compared with the object.
        """
        attempts = 0

        def attempt() -> None:
            nonlocal attempts
            attempts += 1
            try:
                self._upload.finish(parts)
            except PfconError:
                if attempts == 1 or not self._sender.has(self._file):
                    raise

        self._sender.request(self._file, attempt)
