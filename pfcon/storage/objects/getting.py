"""The bytes of objects, got with patience: what breaks off goes on where it was, in the same version of the object."""

from collections.abc import Callable

from pfcon.storage.objects.checksums import Chunk, verifiable
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Changed, Described, ObjectStore, Transient

Write = Callable[[Chunk, int], None]
"""Takes bytes, and where in the object they belong."""


class Getter:
    """Serves all threads of a fetch. ``came(n)`` is told of every n bytes, and may raise.

    All methods raise ObjectAbsent, Changed for a version that is no more, Refused, Unreachable, Cancelled.
    """

    def __init__(self, store: ObjectStore, retrying: Retrying, came: Callable[[int], None]) -> None:
        self._store, self._retrying, self._came = store, retrying, came

    def describe(self, name: str) -> Described:
        """An object as it is now."""
        return self._retrying.call(self._told(name), lambda: self._store.describe(name))

    def whole(self, name: str, begin: Callable[[Described], Write]) -> Described:
        """Get all of an object, in order, as it is now. ``begin`` is called once with what it is."""
        described: Described | None = None
        write: Write | None = None
        at = 0

        def request() -> Described:
            nonlocal described, write, at
            if described is not None and at == described.size:  # it broke off after the last byte
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

        return self._retrying.call(self._told(name), request)

    def read_range(self, described: Described, start: int, end: int, write: Write) -> None:
        """Get a range of that very version of an object, in order."""
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

        self._retrying.call(self._told(described.name), request)

    def _in_full(self, described: Described) -> Described:
        """What its bytes can be verified by: an answer may leave out the parts of an object."""
        if verifiable(described):
            return described
        found = self._store.describe(described.name)
        if found.etag != described.etag:
            raise Changed(described.name)
        return found

    def _progress(self, size: int) -> None:
        self._retrying.check()
        self._retrying.progress()
        self._came(size)

    def _told(self, name: str) -> str:
        return f"object {name!r} in {self._store.place}"


def _ended(described: Described, at: int, end: int) -> Described:
    if at < end:
        raise Transient(f"the answer ended {end - at} bytes early")
    return described
