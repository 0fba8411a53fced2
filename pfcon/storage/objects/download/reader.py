"""Reads objects with retries: an interrupted download is resumed in the same version of the object."""

from collections.abc import Callable

from pfcon.storage.objects.checksums import Chunk, verifiable
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Changed, Described, ObjectStore, Transient

Write = Callable[[Chunk, int], None]
"""Takes bytes of an object, and their offset in it."""


class ObjectReader:
    """A resumable reader, for all threads of a download. Thread-safe.

    ``on_bytes`` is called with the number of bytes of each chunk that was read; what it raises is passed on. Methods
    raise ObjectAbsent, Changed for a version that does not exist any more, Refused, Unreachable, Cancelled, and what
    ``Write`` raises.
    """

    def __init__(self, store: ObjectStore, retrying: Retrying, on_bytes: Callable[[int], None]) -> None:
        self._store, self._retrying, self._on_bytes = store, retrying, on_bytes

    def describe(self, name: str) -> Described:
        """Return the current version of an object."""
        return self._retrying.call(self._label(name), lambda: self._store.describe(name))

    def read_all(self, name: str, begin: Callable[[Described], Write]) -> Described:
        """Read the current version of an object, in order, and return it.

        ``begin`` is called once with the object, before the first byte, and returns where the bytes go.
        """
        described: Described | None = None
        write: Write | None = None
        at = 0

        def request() -> Described:
            nonlocal described, write, at
            if described is not None and at == described.size:  # it was interrupted after the last byte
                return described
            with self._store.download(name, start=at, etag=described.etag if described else "") as download:
                if described is None or write is None:
                    described = self._in_full(download.described)
                    write = begin(described)
                for chunk in download.chunks:
                    write(chunk, at)
                    at += len(chunk)
                    self._progress(len(chunk))
            return _ended(described, at, described.size)

        return self._retrying.call(self._label(name), request)

    def read_range(self, described: Described, start: int, end: int, write: Write) -> None:
        """Read that version of an object from byte ``start`` to byte ``end``, in order."""
        at = start

        def request() -> Described:
            nonlocal at
            if at == end:
                return described
            found = self._store.download(described.name, start=at, size=end - at, etag=described.etag)
            with found as download:
                for chunk in download.chunks:
                    write(chunk, at)
                    at += len(chunk)
                    self._progress(len(chunk))
            return _ended(described, at, end)

        self._retrying.call(self._label(described.name), request)

    def _in_full(self, described: Described) -> Described:
        """Add what the bytes can be verified with: a response to a download may lack the parts of an object."""
        if verifiable(described):
            return described
        found = self._store.describe(described.name)
        if found.etag != described.etag:
            raise Changed(described.name)
        return found

    def _progress(self, size: int) -> None:
        self._retrying.check()
        self._retrying.progress()
        self._on_bytes(size)

    def _label(self, name: str) -> str:
        return f"object {name!r} in {self._store.place}"


def _ended(described: Described, at: int, end: int) -> Described:
    if at < end:
        raise Transient(f"the answer ended {end - at} bytes early")
    return described
