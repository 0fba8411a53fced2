"""The inputs: zips with known contents, made once and kept in the work directory."""

import itertools
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 2**10, 2**20, 2**30
BLOCK = MIB
POOL = 64  # blocks that the contents are taken from; deflate sees 32 KiB back, so that it never meets one again


@dataclass(frozen=True)
class Tree:
    """A zip at ``path`` of ``nfiles`` files with ``nbytes`` bytes together, unpacked."""

    name: str
    path: Path
    nfiles: int
    nbytes: int

    def warm(self) -> None:
        """Have the zip in the page cache, as just written by whoever made it."""
        with self.path.open("rb", buffering=0) as file:
            while file.read(BLOCK):
                pass


@dataclass(frozen=True)
class _Shape:
    count: int
    size: int  # bytes of each file
    text: bool = False
    stored: bool = False
    shrinks: str = "size"  # what a quick run has a tenth of


_SHAPES = {
    "one1g": _Shape(1, GIB),
    "many10k": _Shape(10_000, 10 * KIB, shrinks="count"),
    "text500m": _Shape(50, 10 * MIB, text=True),
    "big4g": _Shape(1, 4 * GIB, stored=True),
    "slow1m": _Shape(1, 3 * MIB // 2, shrinks="nothing"),
    "tiny": _Shape(1, 1, shrinks="nothing"),
}


def make_tree(name: str, directory: Path, *, quick: bool) -> Tree:
    """The tree of that name; its zip is made where ``directory`` does not hold it yet."""
    shape = _SHAPES[name]
    count = shape.count // 10 if quick and shape.shrinks == "count" else shape.count
    size = shape.size // 10 if quick and shape.shrinks == "size" else shape.size
    path = directory / f"{name}-{count}x{size}.zip"
    if not path.exists():
        partial = path.with_suffix(".partial")
        _write(partial, count, size, shape)
        partial.rename(path)
    return Tree(name, path, count, count * size)


def _write(path: Path, count: int, size: int, shape: _Shape) -> None:
    rng = random.Random(count * 31 + size)
    pool = text_pool(rng) if shape.text else [rng.randbytes(BLOCK) for _ in range(min(POOL, -(-size // BLOCK) + 1))]
    take = text_pieces if shape.text else random_pieces
    method = zipfile.ZIP_STORED if shape.stored else zipfile.ZIP_DEFLATED  # level 6, the default of zlib
    suffix = "txt" if shape.text else "dat"
    with zipfile.ZipFile(path, "w", method) as archive:
        for number in range(count):
            name = f"{number // 100:03}/{number:05}.{suffix}" if count > 1 else f"data.{suffix}"
            with archive.open(name, "w", force_zip64=size >= 2 * GIB) as file:
                _fill(file.write, take(rng, pool), size)


def _fill(write: Callable[[bytes], object], pieces: Iterator[bytes], size: int) -> None:
    for piece in pieces:
        write(piece[:size])
        size -= len(piece)
        if size <= 0:
            return


def random_pieces(rng: random.Random, pool: list[bytes]) -> Iterator[bytes]:
    """Endless data that does not compress."""
    offset = rng.randrange(BLOCK)
    yield pool[rng.randrange(len(pool))][offset : offset + 32 * KIB]  # small files differ from each other
    yield from itertools.cycle(pool)


def text_pieces(rng: random.Random, pool: list[bytes]) -> Iterator[bytes]:
    """Endless text."""
    while True:
        yield rng.choice(pool)


def text_pool(rng: random.Random) -> list[bytes]:
    """Pieces of prose, tables and logs, some KiB each, that compress to about 0.4 with zlib's level 6."""
    words = [_word(rng) for _ in range(20_000)]
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words))))  # Zipf and Mandelbrot's law
    makers = (_prose, _prose, _table, _log)
    return ["".join(makers[n % 4](rng, rng.choices(words, cum_weights=weights, k=600))).encode() for n in range(4000)]


def _word(rng: random.Random) -> str:
    parts = rng.choices(("", "b", "br", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "st", "t", "th", "v"), k=4)
    length = rng.choice((1, 2, 2, 3, 3, 4))
    return "".join(part + rng.choice("aeeiou") for part in parts[:length]) + rng.choice(("", "n", "r", "s", "t", "d"))


def _prose(rng: random.Random, words: list[str]) -> Iterator[str]:
    while words:
        length = rng.randrange(6, 22)
        sentence, words = words[:length], words[length:]
        yield " ".join(sentence).capitalize() + rng.choice((". ", ". ", ", ", ".\n"))


def _table(rng: random.Random, words: list[str]) -> Iterator[str]:
    for word in words[:80]:
        yield f"{word},{rng.random():.6f},{rng.gauss(100, 15):.2f},{rng.randrange(1000)}\n"


def _log(rng: random.Random, words: list[str]) -> Iterator[str]:
    second = rng.randrange(10**6)
    for start in range(0, 480, 8):
        second += rng.randrange(5)
        text = " ".join(words[start : start + 8])
        yield f"2026-03-{second // 43200:02} {second % 86400:05}.{rng.randrange(1000):03} INFO worker: {text}\n"
