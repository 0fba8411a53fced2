"""Pages of a store's listing that are remembered for a while, and what they tell of paths. No I/O."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from pfcon.storage.objects import names
from pfcon.storage.objects.store import Listed

PAGE = 5000  # names that are read of what is below a directory, before it is listed with the delimiter
REMEMBERED = 40_000  # names, of some 300 bytes each
_OVERHEAD = 5  # names that weigh as much as an empty page


class Page(NamedTuple):
    """All objects whose names begin with ``prefix``, in order; not ``whole``: the first ones of them."""

    prefix: str
    objects: list[Listed]
    whole: bool

    def tells_object(self, name: str) -> bool:
        """Whether the object of that name is here if it exists."""
        return name.startswith(self.prefix) and self._reaches(name)

    def tells_below(self, directory: str) -> bool:
        """Whether all that is below a directory is here."""
        return f"{directory}/".startswith(self.prefix) and self._reaches(names.after(directory))

    def _reaches(self, name: str) -> bool:
        return self.whole or (bool(self.objects) and self.objects[-1].name >= name)

    def object(self, name: str) -> Listed | None:
        """The object of that name, if it is here."""
        at = bisect_left(self.objects, name, key=lambda listed: listed.name)
        return self.objects[at] if at < len(self.objects) and self.objects[at].name == name else None

    def any_below(self, directory: str) -> bool:
        """Whether anything that is below a directory is here."""
        start, end = names.below(self.objects, directory)
        return start < end


class Pages:
    """The pages that were used last, as many as REMEMBERED allows."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._size = 0

    def add(self, page: Page) -> None:
        """Remember a page, in place of older ones."""
        old = self._pages.pop(page.prefix, None)
        if old is not None:
            self._size -= _weight(old)
        self._pages[page.prefix] = page
        self._size += _weight(page)
        while self._size > REMEMBERED and len(self._pages) > 2:  # a look may bring two that are needed at once
            self._size -= _weight(self._pages.popitem(last=False)[1])

    def look_up(self, path: str) -> tuple[Listed | None, bool] | None:
        """The object of that name, if any, and whether anything is below it; None when that can't be told."""
        found: Listed | None = None
        object_told, is_dir = False, None
        for page in self._about(path):
            if not object_told and page.tells_object(path):
                object_told, found = True, page.object(path)
            if is_dir is None and page.any_below(path):
                is_dir = True
            elif is_dir is None and page.tells_below(path):
                is_dir = False
        return (found, is_dir) if object_told and is_dir is not None else None

    def below(self, path: str) -> Page | None:
        """A page that tells all that is below a directory, or else a long one of what is below it."""
        for page in self._about(path):
            if page.tells_below(path) or (page.prefix == f"{path}/" and len(page.objects) >= PAGE):
                return page
        return None

    def _about(self, path: str) -> Iterator[Page]:
        """The pages whose prefix is a path, or one above it, with and without its slash."""
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
