"""Trees of nested dicts for the tests of ChRIS links, and what staging makes of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from pfcon.archive.contents import read_contents
from pfcon.archive.inflating import read_small
from pfcon.archive.zip_index import ZipTree
from pfcon.archive.zip_links import expand
from pfcon.links import Entry, StagedItem
from pfcon.links.budget import Budget
from pfcon.links.expansion import Expansion

from .zips import NO_LIMITS, good_zip, spooled

Tree = dict[str, Any]  # name -> bytes, or a Tree


class MemoryStorage:
    """Nested dicts as a Lister."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def find(self, path: str) -> Any:
        found: Any = self.tree
        for part in path.split("/") if path else ():
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def entry(self, path: str) -> Entry | None:
        found = self.find(path)
        if found is None:
            return None
        name = path.rpartition("/")[2]
        return Entry(name, True) if isinstance(found, dict) else Entry(name, False, len(found))

    def children(self, path: str) -> Iterable[Entry]:
        for name, found in self.find(path).items():
            yield Entry(name, True) if isinstance(found, dict) else Entry(name, False, len(found))

    def link_text(self, path: str) -> bytes:
        text: bytes = self.find(path)
        return text[:4097]


def tree_of(files: Mapping[str, bytes | str]) -> Tree:
    tree: Tree = {}
    for path, content in files.items():
        *above, name = path.split("/")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        if name:
            place[name] = content.encode() if isinstance(content, str) else content
    return tree


def stage(files: Mapping[str, bytes | str], *roots: str, output: str | None = None) -> tuple[dict[str, str], str]:
    """Staged path -> source, and all notes."""
    walk = Expansion(MemoryStorage(tree_of(files)), Budget(0, 0), output)
    items = {item.path + "/" * item.is_dir: item.source for item in walk.walk(roots)}
    return items, "\n".join(walk.notes.lines())


def stage_zip(files: Mapping[str, bytes | str]) -> tuple[dict[str, str], str]:
    upload = spooled(good_zip({name: c.encode() if isinstance(c, str) else c for name, c in files.items()}))
    with upload.file:
        contents = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
        with Recorder(
            contents.members, contents.count, lambda member: read_small(upload.file.fileno(), member), None
        ) as tree:
            notes = expand(tree, NO_LIMITS, upload.size)
            placed = {path: member for member, path in (*tree.placing().first, *tree.placing().rest)}
    assert placed.keys() == {item.path for item in tree.items}
    files = {path: member.path for path, member in placed.items() if member is not None}
    assert all(files[item.path] == item.source for item in tree.items if not item.is_dir)
    return {item.path + "/" * item.is_dir: item.source for item in tree.items}, "\n".join(notes)


class Recorder(ZipTree):
    """A zip that tells what it was told to stage."""

    items: tuple[StagedItem, ...] = ()

    def stage(self, item: StagedItem) -> None:
        self.items = (*self.items, item)
        super().stage(item)

    def unstage(self) -> None:
        self.items = ()
        super().unstage()
