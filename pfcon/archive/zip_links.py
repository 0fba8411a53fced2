"""ChRIS links inside an uploaded zip.

CUBE puts the files that it found through links into the zip under their full storage path, beside the link files. Once
a link is expanded, the files of its target are *moved* to the path of the link:

* Files at or below the target of an expanded link are not staged at their original path.
* All other files are, also in real folders that share a parent folder with a target. A file to which no link leads is
  always staged; a file to which links lead is staged at each of the links, or else at its original path.
* If targets are reached only from each other (a ring of links), they are handled in the order of their paths: the first
  one is staged at its original path, and the targets of its links are moved.
"""

from collections.abc import Iterator

from pfcon.archive.contents import check_unpacked
from pfcon.archive.limits import UploadLimits
from pfcon.archive.zip_index import ZipTree
from pfcon.errors import TooLarge
from pfcon.links import Chain, Part, read_target
from pfcon.links.budget import Budget, Notes
from pfcon.links.expansion import Expansion
from pfcon.models import LINK_SUFFIX

MAX_LINKS, MAX_TARGETS = 20_000, 8 << 20  # links in a zip; and characters of all targets, which are kept in memory


class _Budget(Budget):
    """The limits of an upload for the expansion of its links, for all walks together."""

    def __init__(self, limits: UploadLimits, file_size: int, steps: int) -> None:
        super().__init__(limits.files, limits.unpacked_bytes, steps)
        self._limits, self._file_size = limits, file_size

    @property
    def taken(self) -> int:
        """The number of steps used so far, with which the next walk starts."""
        return self.steps + self.files

    def file(self, size: int) -> None:
        """See Budget."""
        super().file(size)
        check_unpacked(self.nbytes, self._file_size, self._limits, "with its links expanded, the zip")


def expand(tree: ZipTree, limits: UploadLimits, file_size: int) -> tuple[str, ...]:
    """Record in the tree which members are staged where; return notes. Raises Refused, InvalidFields, TooLarge."""
    targets = _targets(tree)
    moved, steps = _moved(tree, targets, limits, file_size)
    while True:
        budget = _Budget(limits, file_size, steps)
        walk = Expansion(tree, budget, pruned=moved, remember=True)
        for item in walk.walk([""]):
            tree.stage(item)
        # Targets that could not be staged at their links, because of a name clash, stay at their original path.
        nowhere = {path for path in moved if not any(above in walk.expanded for above in _up_from(path))}
        if not nowhere:
            return walk.notes.lines()
        moved -= {path for path in nowhere if not any(above in nowhere for above in list(_up_from(path))[1:])}
        steps = budget.taken
        tree.unstage()


def _moved(tree: ZipTree, targets: frozenset[str], limits: UploadLimits, file_size: int) -> tuple[frozenset[str], int]:
    """Return the targets that are not staged at their original path, and the number of steps to find them."""
    budget = _Budget(limits, file_size, 0)
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
        walk = Expansion(tree, budget, pruned=targets, remember=True)
        for _ in walk.walk_parts([part]):
            pass
        moved |= walk.expanded
    return frozenset(moved - stay), budget.taken


def _targets(tree: ZipTree) -> frozenset[str]:
    ignored = Notes()
    found: set[str] = set()
    characters = 0
    for number, path in enumerate(tree.links(LINK_SUFFIX)):
        if number == MAX_LINKS:
            raise TooLarge(f"data_file: the zip has more than {MAX_LINKS} links")
        target = read_target(tree, path, ignored)
        if target is not None and target not in found and tree.entry(target) is not None:
            found.add(target)
            characters += len(target)
            if characters > MAX_TARGETS:
                raise TooLarge(f"data_file: the targets of the zip's links have more than {MAX_TARGETS} characters")
    return frozenset(found)


def _up_from(path: str) -> Iterator[str]:
    """Yield a path and all its parent directories, the top directory last."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
