"""A cache of pages of a store's listing, which answers look-ups of paths. No I/O."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from pfcon.storage.objects.listing import names
from pfcon.storage.objects.store import Listed

PAGE = 5000  # names read of what is below a directory, before it is listed with the delimiter
CAPACITY = 40_000  # names in the cache, of about 300 bytes each
_OVERHEAD = 5  # the size of an empty page, in names


class Page(NamedTuple):
    """All objects whose names begin with ``prefix``, sorted; only the first ones unless ``whole``."""

    prefix: str
    objects: list[Listed]
    whole: bool

    def covers_object(self, name: str) -> bool:
        """Return whether the page contains the object of that name if it exists."""
        return name.startswith(self.prefix) and self._reaches(name)

    def covers_directory(self, directory: str) -> bool:
        """Return whether the page contains all objects below a directory."""
        return f"{directory}/".startswith(self.prefix) and self._reaches(names.after(directory))

    def _reaches(self, name: str) -> bool:
        return self.whole or (bool(self.objects) and self.objects[-1].name >= name)

    def object(self, name: str) -> Listed | None:
        """Return the object of that name, if the page contains it."""
        at = bisect_left(self.objects, name, key=lambda listed: listed.name)
        return self.objects[at] if at < len(self.objects) and self.objects[at].name == name else None

    def any_below(self, directory: str) -> bool:
        """Return whether the page contains any object below a directory."""
        start, end = names.below(self.objects, directory)
        return start < end


class PageCache:
    """A least-recently-used cache of pages with at most CAPACITY names, but at least two pages. Not thread-safe."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._size = 0

    def add(self, page: Page) -> None:
        """Add a page; the least recently used ones are removed."""
        old = self._pages.pop(page.prefix, None)
        if old is not None:
            self._size -= _weight(old)
        self._pages[page.prefix] = page
        self._size += _weight(page)
        while self._size > CAPACITY and len(self._pages) > 2:  # a look-up may need two pages together
            self._size -= _weight(self._pages.popitem(last=False)[1])

    def look_up(self, path: str) -> tuple[Listed | None, bool] | None:
        """Return the object of that name, if any, and whether objects are below it; None if the cache can't answer."""
        found: Listed | None = None
        object_known, is_dir = False, None
        for page in self._about(path):
            if not object_known and page.covers_object(path):
                object_known, found = True, page.object(path)
            if is_dir is None and page.any_below(path):
                is_dir = True
            elif is_dir is None and page.covers_directory(path):
                is_dir = False
        return (found, is_dir) if object_known and is_dir is not None else None

    def below(self, path: str) -> Page | None:
        """Return a page that covers a directory, or one of PAGE or more objects below it; None if there is neither."""
        for page in self._about(path):
            if page.covers_directory(path) or (page.prefix == f"{path}/" and len(page.objects) >= PAGE):
                return page
        return None

    def _about(self, path: str) -> Iterator[Page]:
        """Yield the pages whose prefix is the path or one of its parents, with and without the slash."""
        prefixes = [path + "/"]
        while path:
            above = path.rpartition("/")[0]
            prefixes += [path, above + "/"] if above else [path]
            path = above
        for prefix in prefixes:
            page = self._pages.get(prefix)
            if page is not None:
                self._pages.move_to_end(prefix)
                yield page


def _weight(page: Page) -> int:
    return len(page.objects) + _OVERHEAD
