"""An object store as a Lister (see ``pfcon.links``), with few requests and bounded memory.

Pages of names are cached: a page of all objects below a directory also covers the directories in it; an incomplete page
covers those that it contains completely. Only a directory with more objects below it is listed with the delimiter. The
links of a directory, and their targets, are read ahead in parallel.

An input or target that is both an object and a directory is the directory: see ``names``.
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
from pfcon.storage.objects.listing import names
from pfcon.storage.objects.listing.page_cache import PAGE, Page, PageCache
from pfcon.storage.objects.listing.pages import pages
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Listed, ObjectAbsent, ObjectStore

LOOKUP_LIMIT = 200  # names read to look up a path: enough for most targets of links
THREADS = 8  # that read links ahead of the walk
AHEAD = 32  # links that are being read, or that were read and are not followed yet


class _Link(NamedTuple):
    """A link's text, and pages that cover its target; no pages if the link is not valid."""

    text: bytes
    pages: list[Page]


class ObjectLister:
    """See Lister. A context, for one walk; not thread-safe. ``notes`` get what is left out.

    Methods raise Refused, Unreachable, Cancelled.
    """

    def __init__(self, store: ObjectStore, retrying: Retrying, notes: Notes) -> None:
        self._store, self._retrying, self._notes = store, retrying, notes
        self._pages = PageCache()
        self._pool = ThreadPoolExecutor(THREADS, "links")
        self._reading: dict[str, Future[_Link]] = {}
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
            for page in self._look_up(path):
                self._pages.add(page)
            known = self._pages.look_up(path)
            if known is None:
                raise AssertionError(f"two pages about {path!r} do not cover it")
        found, is_dir = known
        name = path.rpartition("/")[2]
        if found is not None and found.marker:
            is_dir = True
        elif found is not None and found.size is not None:
            if not is_dir:
                return Entry(name, False, found.size, found.etag)
            names.note_clash(path, found.size, self._notes)
        return Entry(name, True) if is_dir else None

    def children(self, path: str) -> Iterable[Entry]:
        """See Lister."""
        page = self._pages.below(path)
        if page is None:
            page = self._first(f"{path}/", PAGE)
            self._pages.add(page)
        listing: Iterable[Listed] = names.collapsed(page.objects, path)
        if not page.covers_directory(path):
            all_pages = pages(self._store, self._retrying, f"{path}/", delimited=True)
            listing = (listed for found in all_pages for listed in found)
        found = names.children(path, listing, self._notes)
        links = sorted(name for name, entry in found.items() if name.endswith(LINK_SUFFIX) and not entry.is_dir)
        self._reading.clear()  # a walk follows all links of a directory before it goes to the next one
        self._waiting = deque(f"{path}/{name}" for name in links)
        self._read_ahead()
        return found.values()

    def link_text(self, path: str) -> bytes:
        """See Lister. Raises Refused for a link that was deleted during the walk: its target is unknown."""
        link = self._reading.pop(path).result() if path in self._reading else self._read_link(path)
        self._read_ahead()
        for page in link.pages:
            self._pages.add(page)
        return link.text

    def _read_ahead(self) -> None:
        while self._waiting and len(self._reading) < AHEAD:
            path = self._waiting.popleft()
            self._reading[path] = self._pool.submit(self._read_link, path)

    def _read_link(self, path: str) -> _Link:
        """Read a link, and look up its target if the link is valid; the walk reports an invalid one."""
        text = self._retrying.call(f"reading {path!r} in {self._store.place}", lambda: self._read(path))
        try:
            target = input_path(text.decode().strip())
        except (UnicodeDecodeError, Refused):
            return _Link(text, [])
        if len(text) > LINK_MAX_BYTES or any(names.fault_of(component) for component in target.split("/")):
            return _Link(text, [])
        return _Link(text, self._look_up(target))

    def _read(self, path: str) -> bytes:
        text = b""
        try:
            with self._store.download(path) as download:
                for chunk in download.chunks:
                    text += chunk[: LINK_MAX_BYTES + 1]
                    if len(text) > LINK_MAX_BYTES:
                        break
        except ObjectAbsent:
            raise Refused(f"{path!r} was deleted while the inputs were listed") from None
        return text[: LINK_MAX_BYTES + 1]

    def _look_up(self, path: str) -> list[Page]:
        """Return pages that show whether an object has that name, and whether objects are below it."""
        first = self._first(path, LOOKUP_LIMIT)
        if first.any_below(path) or first.covers_directory(path):
            return [first]
        return [first, self._first(f"{path}/", LOOKUP_LIMIT)]  # "path-1" and the like come before "path/"

    def _first(self, prefix: str, most: int) -> Page:
        objects: list[Listed] = []
        for page in pages(self._store, self._retrying, prefix, limit=most):
            objects += page
            if len(objects) >= most:
                return Page(prefix, objects, whole=False)
        return Page(prefix, objects, whole=True)
