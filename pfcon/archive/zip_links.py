"""ChRIS links inside an uploaded zip.

CUBE puts the files that it reached through links into the zip under their whole storage path, beside the link
files. Once expanded they belong to the place of the link, so they are *moved* there:

* What lies at or below a link's target that was expanded somewhere is not staged at its original place.
* Everything else is, also in real folders that share an upper folder with a target. A file that no link refers to
  is always staged, and a file that one refers to is staged at each of the links, or at its original place.
* Targets to which only targets lead that are themselves nowhere else (a ring of links) are taken in the order of
  their paths: the first stays where it is, and what its links expand is moved.
"""

from collections.abc import Callable, Iterator

from pfcon.archive.members import Contents, Member
from pfcon.links import Chain, Entry, Expansion, Part, StagedItem, read_target
from pfcon.links.budget import Budget, Notes
from pfcon.models import LINK_SUFFIX
from pfcon.settings.model import UploadLimits


class ZipTree:
    """The members of a zip as a Lister (see ``pfcon.links``). ``read`` gives a small member's content."""

    def __init__(self, contents: Contents, read: Callable[[Member], bytes]) -> None:
        self.files = {member.path: member for member in contents.members if not member.is_dir}
        self._read = read
        self._children: dict[str, list[Entry]] = {"": []}
        for member in contents.members:
            if member.is_dir:
                self._directory(member.path)
            else:
                parent, _, name = member.path.rpartition("/")
                self._directory(parent).append(Entry(name, False, member.size))

    def _directory(self, path: str) -> list[Entry]:
        missing = []
        while path not in self._children:
            missing.append(path)
            path = path.rpartition("/")[0]
        found = self._children[path]
        for below in reversed(missing):
            found.append(Entry(below.rpartition("/")[2], True))
            found = self._children[below] = []
        return found

    def entry(self, path: str) -> Entry | None:
        """See Lister."""
        member = self.files.get(path)
        if member is not None:
            return Entry(path.rpartition("/")[2], False, member.size)
        return Entry(path.rpartition("/")[2], True) if path in self._children else None

    def children(self, path: str) -> list[Entry]:
        """See Lister."""
        return self._children[path]

    def link_text(self, path: str) -> bytes:
        """See Lister."""
        return self._read(self.files[path])


def expand(tree: ZipTree, limits: UploadLimits) -> tuple[list[StagedItem], tuple[str, ...]]:
    """What is staged, and notes. Raises Refused, InvalidFields and TooLarge."""
    moved = _moved(tree, limits)
    while True:
        walk = Expansion(tree, Budget(limits.files, limits.unpacked_bytes), pruned=moved)
        items = list(walk.walk([""]))
        # What a name in the way has kept from where its links are stays where it was: no file gets lost between.
        nowhere = {path for path in moved if not any(above in walk.expanded for above in _up_from(path))}
        if not nowhere:
            return items, walk.notes.lines()
        moved -= {path for path in nowhere if not any(above in nowhere for above in list(_up_from(path))[1:])}


def _moved(tree: ZipTree, limits: UploadLimits) -> frozenset[str]:
    """The targets that are not staged at their original place."""
    targets = frozenset(_targets(tree))
    budget = Budget(limits.files, limits.unpacked_bytes)
    moved: set[str] = set()
    stay: set[str] = set()
    for start in ["", *sorted(targets, key=lambda path: path.split("/"))]:
        if start and any(path in moved for path in _up_from(start)):
            continue
        stay.add(start)
        entry = tree.entry(start)
        chain = None
        for path in reversed(list(_up_from(start))[1:]):
            chain = Chain(path, chain)
        part = Part(start, chain, entry if entry and not entry.is_dir else None, real=True)
        walk = Expansion(tree, budget, pruned=targets)
        for _ in walk.walk_parts([part]):
            pass
        moved |= walk.expanded
    return frozenset(moved - stay)


def _targets(tree: ZipTree) -> Iterator[str]:
    ignored = Notes()
    for path in tree.files:
        if path.endswith(LINK_SUFFIX):
            target = read_target(tree, path, ignored)
            if target is not None and tree.entry(target) is not None:
                yield target


def _up_from(path: str) -> Iterator[str]:
    """A path and all directories above it, the top last."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
