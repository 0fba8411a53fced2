"""An object store as a Lister (see ``pfcon.links``), in few requests and bounded memory.

Pages of names are remembered for a while: a page of all that lies below a directory answers for the directories in it
too, and so does a page that was not the whole for those that lie in it wholly. Only a directory with more below it is
listed with the delimiter. The links of a directory, and what they lead to, are read ahead in parallel.

An input or target that is an object and a directory as well is the directory: see ``names``.
"""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

from pfcon.errors import Refused
from pfcon.links import LINK_MAX_BYTES, Entry, input_path
from pfcon.links.budget import Notes
from pfcon.models import LINK_SUFFIX
from pfcon.storage.objects import names
from pfcon.storage.objects.listing import pages
from pfcon.storage.objects.remembered import PAGE, Page, Pages
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Listed, ObjectAbsent, ObjectStore

GLANCE = 200  # names that a look at a path takes: enough for most targets of links
THREADS = 8  # that read links ahead
AHEAD = 32  # links that are being read, or have been and are not followed yet


class _Met(NamedTuple):
    """A link's text, and what was seen where it leads."""

    text: bytes
    pages: list[Page]


class ObjectLister:
    """A context. One walk uses it, in one thread at a time; ``notes`` get what is left out.

    Raises Refused and Unreachable, as ``store`` and ``retrying`` do.
    """

    def __init__(self, store: ObjectStore, retrying: Retrying, notes: Notes) -> None:
        self._store, self._retrying, self._notes = store, retrying, notes
        self._pages = Pages()
        self._pool = ThreadPoolExecutor(THREADS, "links")
        self._reading: dict[str, Future[_Met]] = {}
        self._waiting: deque[str] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._retrying.stop()
        self._pool.shutdown(cancel_futures=True)

    def entry(self, path: str) -> Entry | None:
        """See Lister."""
        path = input_path(path)
        if any(names.fault_of(component) for component in path.split("/")):
            return None
        known = self._pages.look_up(path)
        if known is None:
            for page in self._look(path):
                self._pages.add(page)
            known = self._pages.look_up(path)
            if known is None:
                raise AssertionError(f"two looks at {path!r} told nothing")
        found, is_dir = known
        name = path.rpartition("/")[2]
        if found is not None and found.marker:
            is_dir = True
        elif found is not None and found.size is not None:
            if not is_dir:
                return Entry(name, False, found.size, found.etag)
            names.tell_clash(path, found.size, self._notes)
        return Entry(name, True) if is_dir else None

    def children(self, path: str) -> Iterable[Entry]:
        """See Lister."""
        page = self._pages.below(path)
        if page is None:
            page = self._first(f"{path}/", PAGE)
            self._pages.add(page)
        listing: Iterable[Listed] = names.collapsed(page.objects, path)
        if not page.tells_below(path):
            all_pages = pages(self._store, self._retrying, f"{path}/", delimited=True)
            listing = (listed for found in all_pages for listed in found)
        found = names.children(path, listing, self._notes)
        links = sorted(name for name, entry in found.items() if name.endswith(LINK_SUFFIX) and not entry.is_dir)
        self._reading.clear()  # a walk follows all links of a directory before it goes to the next one
        self._waiting = deque(f"{path}/{name}" for name in links)
        self._read_ahead()
        return found.values()

    def link_text(self, path: str) -> bytes:
        """See Lister. Raises Refused for a link that vanished: what it stood for can't be told."""
        met = self._reading.pop(path).result() if path in self._reading else self._meet(path)
        self._read_ahead()
        for page in met.pages:
            self._pages.add(page)
        return met.text

    def _read_ahead(self) -> None:
        while self._waiting and len(self._reading) < AHEAD:
            path = self._waiting.popleft()
            self._reading[path] = self._pool.submit(self._meet, path)

    def _meet(self, path: str) -> _Met:
        """Read a link, and look where it leads unless it is a bad one: that is told when it is followed."""
        text = self._retrying.call(f"reading {path!r} in {self._store.place}", lambda: self._read(path))
        try:
            target = input_path(text.decode().strip())
        except (UnicodeDecodeError, Refused):
            return _Met(text, [])
        if len(text) > LINK_MAX_BYTES or any(names.fault_of(component) for component in target.split("/")):
            return _Met(text, [])
        return _Met(text, self._look(target))

    def _read(self, path: str) -> bytes:
        text = b""
        try:
            with self._store.download(path) as download:
                for chunk in download.chunks:
                    text += chunk[: LINK_MAX_BYTES + 1]
                    if len(text) > LINK_MAX_BYTES:
                        break
        except ObjectAbsent:
            raise Refused(f"{path!r} vanished while the inputs were listed") from None
        return text[: LINK_MAX_BYTES + 1]

    def _look(self, path: str) -> list[Page]:
        """Pages that tell whether there is an object of that name, and whether anything is below it."""
        first = self._first(path, GLANCE)
        if first.any_below(path) or first.tells_below(path):
            return [first]
        return [first, self._first(f"{path}/", GLANCE)]  # "path-1" and the like come before "path/"

    def _first(self, prefix: str, most: int) -> Page:
        objects: list[Listed] = []
        for page in pages(self._store, self._retrying, prefix, limit=most):
            objects += page
            if len(objects) >= most:
                return Page(prefix, objects, whole=False)
        return Page(prefix, objects, whole=True)
