"""Trees of plain files: users' data below a storeBase, and outputs that jobs have left there."""

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trees import BLOCK, GIB, KIB, POOL, random_pieces

_LITTLE = 100  # bytes


@dataclass(frozen=True)
class PlainTree:
    """``nfiles`` files of ``size`` bytes each, ``in_each`` of them in a directory."""

    name: str
    nfiles: int
    size: int
    in_each: int = 100

    @property
    def nbytes(self) -> int:
        """All of them together."""
        return self.nfiles * self.size

    def write(self, directory: Path) -> "PlainTree":
        """Make it as a new directory of that name, with data that does not compress; gives back itself."""
        rng = random.Random(self.nfiles * 31 + self.size)
        pool = [rng.randbytes(BLOCK) for _ in range(min(POOL, -(-self.size // BLOCK) + 1))]
        target = directory / self.name
        target.mkdir(parents=True)
        for start in range(0, self.nfiles, self.in_each):
            below = target / f"{start // self.in_each:04}"
            below.mkdir()
            for number in range(start, min(start + self.in_each, self.nfiles)):
                self._file(f"{below}/{number:06}.dat", rng, pool)
        return self

    def _file(self, path: str, rng: random.Random, pool: list[bytes]) -> None:
        left = self.size
        with open(path, "xb", buffering=0) as file:
            for piece in random_pieces(rng, pool):
                file.write(piece[:left])
                left -= len(piece)
                if left <= 0:
                    return


def plain_tree(name: str, *, quick: bool) -> PlainTree:
    """The tree of that name, not made yet; a quick run has a tenth of the files, or of the one file's size."""
    tree = _TREES[name]
    if not quick:
        return tree
    if tree.nfiles == 1:
        return PlainTree(name, 1, -(-tree.size // 10))
    return PlainTree(name, tree.nfiles // 10, tree.size, max(1, min(tree.in_each, tree.nfiles // 10)))


_TREES = {
    tree.name: tree
    for tree in (
        PlainTree("tiny", 1, 1),
        PlainTree("many10k", 10_000, 10 * KIB),
        PlainTree("one1g", 1, GIB),
        PlainTree("objects2k", 2000, 100 * KIB),
        PlainTree("one2g", 1, 2 * GIB),
        PlainTree("big4g", 1, 4 * GIB),
        PlainTree("little20k", 20_000, _LITTLE),
        PlainTree("little100k", 100_000, _LITTLE),
        PlainTree("little200k", 200_000, _LITTLE),
        PlainTree("flat200k", 200_000, _LITTLE, in_each=200_000),
    )
}
