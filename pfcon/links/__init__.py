"""ChRIS links: which files a job's inputs stand for, and where each is staged. No I/O of its own.

A file ``NAME.chrislink`` holds one path P relative to the storage root. In the staged tree it is replaced with a
directory beside it, named P with ``/`` as ``_``, that holds the files of P; where P is a file, the directory is
named after P's parent and holds that file (a file at the storage root has no parent: it is staged beside the
link). Links below P are expanded in the same way.

Rules where paths meet or can't be followed:

* Paths are compared by components. ``.`` and doubled slashes are dropped.
* A target that is absolute, empty (so the storage root can't be one), holds ``..`` or NUL, or is the job's output
  directory or above it: Refused, ``Invalid input path: P``.
* A link file that is larger than 4 KiB or no UTF-8, and a target that does not exist: left out, told in a note.
* A target that is on the chain of directories and links now being walked, from the root of the inputs: left out,
  told in a note. A directory *above* an input root is not on that chain and is expanded.
* Directories that get the same staged path merge. Where two different files do, or a file and a directory, the
  first one stays and a note tells it; a directory stays also where all that it holds is left out. First are the
  roots in their order; in a directory the real entries by name, then what its links bring, by the links' names.
  The same file twice is staged once, silently.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pfcon.errors import Refused
from pfcon.links.budget import Budget, Notes
from pfcon.models import LINK_SUFFIX

LINK_MAX_BYTES = 4096
_NAME_MAX, _PATH_MAX = 255, 3500  # bytes of a component, and of a path below the staged root


class Entry(NamedTuple):
    """A regular file or a directory. ``size`` in bytes and ``etag``, which names a version, of files where known."""

    name: str
    is_dir: bool
    size: int = 0
    etag: str = ""


class Lister(Protocol):
    """A storage, read-only. Paths are relative, normal and ``/``-separated; ``""`` is the storage root.

    What is neither a regular file nor a directory, symbolic links among them, does not exist.
    """

    def entry(self, path: str) -> Entry | None:
        """What is at a path; None when nothing is."""

    def children(self, path: str) -> Iterable[Entry]:
        """What a directory holds, in any order."""

    def link_text(self, path: str) -> bytes:
        """The first LINK_MAX_BYTES + 1 bytes of a file."""


class StagedItem(NamedTuple):
    """A file to be staged, or an empty directory. ``source`` and ``path`` are relative to storage and staged root."""

    source: str
    path: str
    size: int
    is_dir: bool
    etag: str = ""


class Chain(NamedTuple):
    """A directory or link that is being walked, and what led there."""

    path: str
    above: "Chain | None"

    def holds(self, path: str) -> bool:
        """Whether a path is on the chain."""
        link: Chain | None = self
        while link is not None and link.path != path:
            link = link.above
        return link is not None


class Part(NamedTuple):
    """One source of a staged directory: a directory, or (``entry``) a single file. ``real``: no link led there."""

    source: str
    chain: Chain | None
    entry: Entry | None = None
    real: bool = False


@dataclass
class _Level:
    """One directory of the staged tree while it is put together; ``parts`` grows meanwhile."""

    path: str
    parts: list[Part]
    files: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    below: dict[str, list[Part]] = field(default_factory=dict)
    empty_source: str | None = None


def input_path(text: str) -> str:
    """A path relative to the storage root in its normal form. Raises Refused for one that could lead out of it."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or not parts or ".." in parts or "\0" in text:
        raise Refused(f"Invalid input path: {text}")
    return "/".join(parts)


def is_at_or_below(path: str, above: str) -> bool:
    """Compare by components; everything is below ``""``."""
    return not above or path == above or path.startswith(above + "/")


def read_target(lister: Lister, path: str, notes: Notes) -> str | None:
    """The target of a link file; None, with a note, for a file that is no link. Raises Refused (see above)."""
    raw = lister.link_text(path)
    if len(raw) > LINK_MAX_BYTES:
        notes.add(f"left out {path!r}: a link has at most {LINK_MAX_BYTES} bytes")
        return None
    try:
        return input_path(raw.decode().strip())
    except UnicodeDecodeError:
        notes.add(f"left out {path!r}: a link is UTF-8 text")
        return None


class Expansion:
    """One walk over inputs. ``pruned`` paths are skipped unless a link leads there; ``expanded`` are the targets met.

    ``notes`` is complete when the walk is. One object makes one walk.
    """

    def __init__(
        self,
        lister: Lister,
        budget: Budget,
        output_dir: str | None = None,
        pruned: frozenset[str] = frozenset(),
    ) -> None:
        self.lister, self.budget, self.output_dir, self.pruned = lister, budget, output_dir, pruned
        self.notes = Notes()
        self.expanded: set[str] = set()

    def walk(self, roots: Sequence[str]) -> Iterator[StagedItem]:
        """The files of the roots, each relative to its own; a root that is a file is staged under its name.

        ``""`` is the whole storage. Empty directories come too; other directories do not. All files of a staged
        directory come in a row. Raises Refused for a bad root or link and TooLarge above a limit.
        """
        parts = []
        for root in dict.fromkeys(root and input_path(root) for root in roots):
            entry = self.lister.entry(root)
            if entry is None:
                self.notes.add(f"input {root!r} does not exist")
            else:
                parts.append(Part(root, None, None if entry.is_dir else entry, real=True))
        yield from self.walk_parts(parts)

    def walk_parts(self, parts: list[Part]) -> Iterator[StagedItem]:
        """``walk`` for sources that are known, with what led to each."""
        stack = [_Level("", parts)]
        while stack:
            level = stack.pop()
            for part in level.parts:  # grows: a link may bring a file into its own directory
                self._add(level, part)
            for name in sorted(level.files):
                source, entry = level.files[name]
                yield StagedItem(source, _staged_path(level.path, name), entry.size, is_dir=False, etag=entry.etag)
            if level.empty_source is not None and level.path and not level.files and not level.below:
                yield StagedItem(level.empty_source, level.path, 0, is_dir=True)
            below = sorted(level.below.items(), reverse=True)
            stack.extend(_Level(_staged_path(level.path, name), sources) for name, sources in below)

    def _add(self, level: _Level, part: Part) -> None:
        if part.entry is not None:
            if part.entry.name.endswith(LINK_SUFFIX):
                self._follow(level, part.source, part.chain)
            else:
                self._add_file(level, part.source, part.entry)
            return
        self.budget.step()
        chain = Chain(part.source, part.chain)
        entries = sorted(self.lister.children(part.source))
        if not entries:
            level.empty_source = part.source
        links = []
        for entry in entries:
            path = f"{part.source}/{entry.name}" if part.source else entry.name
            if part.real and path in self.pruned:
                continue
            if entry.is_dir:
                self._add_part(level, entry.name, Part(path, chain, None, part.real))
            elif entry.name.endswith(LINK_SUFFIX):
                links.append(path)
            else:
                self._add_file(level, path, entry)
        for path in links:
            self._follow(level, path, chain)

    def _add_file(self, level: _Level, source: str, entry: Entry) -> None:
        there = level.files.get(entry.name)
        if there is None and entry.name not in level.below:
            self.budget.file(entry.size)
            level.files[entry.name] = source, entry
            return
        self.budget.step()
        if there is None or there[0] != source:
            self._clash(level, entry.name, source)

    def _add_part(self, level: _Level, name: str, part: Part) -> bool:
        if name in level.files:
            self._clash(level, name, part.source)
            return False
        parts = level.below.setdefault(name, [])
        if not any(known.source == part.source and known.chain is part.chain for known in parts):
            parts.append(part)
        return True

    def _clash(self, level: _Level, name: str, source: str) -> None:
        path = _staged_path(level.path, name)
        self.notes.add(f"left out {source!r}: {path!r} is staged from elsewhere already")

    def _follow(self, level: _Level, link: str, chain: Chain | None) -> None:
        self.budget.step()
        target = read_target(self.lister, link, self.notes)
        if target is None:
            return
        if self.output_dir is not None and is_at_or_below(self.output_dir, target):
            raise Refused(f"Invalid input path: {target}")
        entry = self.lister.entry(target)
        if entry is None:
            self.notes.add(f"left out {link!r}: its target {target!r} does not exist")
            return
        if target == link or (chain is not None and chain.holds(target)):
            self.notes.add(f"left out {link!r}: its target {target!r} is being staged already")
            return
        if entry.is_dir:
            if self._add_part(level, target.replace("/", "_"), Part(target, chain)):
                self.expanded.add(target)
            return
        parent = target.rpartition("/")[0]
        part = Part(target, Chain(link, chain) if target.endswith(LINK_SUFFIX) else chain, entry)
        if not parent:
            level.parts.append(part)
        elif not self._add_part(level, parent.replace("/", "_"), part):
            return
        self.expanded.add(target)


def _staged_path(above: str, name: str) -> str:
    path = f"{above}/{name}" if above else name
    if len(path) > _NAME_MAX // 4 and (len(os.fsencode(name)) > _NAME_MAX or len(os.fsencode(path)) > _PATH_MAX):
        raise Refused(f"the inputs would be staged under a name that is too long: {path[:300]}")
    return path
