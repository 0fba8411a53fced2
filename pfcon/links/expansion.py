"""The walk that finds the files of a job's inputs; see ``pfcon.links`` for its rules."""

import os
from collections.abc import Iterator, Sequence

from pfcon.compact import KeyFlags, NameStack
from pfcon.errors import Refused
from pfcon.links import Chain, Entry, Lister, Part, StagedItem, input_path, is_at_or_below, read_target, refused_link
from pfcon.links.budget import Budget, Notes
from pfcon.links.missing import missing_note
from pfcon.models import LINK_SUFFIX

_NAME_MAX, _PATH_MAX = 255, 3500  # bytes of a component, and of a path below the staged root
_OWN, _OTHER = 1, 2  # marks of a name: it comes from a directory's first part, or from another


_OWN_OUTPUTS = "leads to the output directory of the job itself, or to a directory that contains it"


class _Level:
    """One directory of the staged tree, which is merged from ``parts``. These may grow during the merge.

    own: the first part, if it is a directory. files, mine: the names of files, and of ``own``'s subdirectories; deleted
    after the merge. waiting: number of ``own``'s subdirectories that are not merged yet. below: the parts of
    subdirectories from other parts, by name.
    """

    def __init__(self, path: str, parts: list[Part]) -> None:
        self.path, self.parts = path, parts
        self.own = parts[0] if parts and parts[0].entry is None else None
        self.chain: Chain | None = None
        self.files, self.mine = KeyFlags(), KeyFlags()
        self.below: dict[str, list[Part]] = {}
        self.waiting = self.held = 0
        self.empty_source: str | None = None

    def own_below(self, name: str) -> Part | None:
        """Return the first part's subdirectory of that name; None if ``own`` is None."""
        return self.own and Part(_join(self.own.source, name), self.chain, None, self.own.real)


class Expansion:
    """One walk over inputs; an object can be used once.

    pruned: paths that are skipped unless a link leads to them. remember: collect the targets of links in ``expanded``.
    ``notes`` is complete after the walk. Memory grows with the number of entries that links and several roots bring to
    one directory, not with the size of the directories themselves.
    """

    def __init__(
        self,
        lister: Lister,
        budget: Budget,
        output_dir: str | None = None,
        pruned: frozenset[str] = frozenset(),
        *,
        remember: bool = False,
    ) -> None:
        self.lister, self.budget, self.output_dir, self.pruned = lister, budget, output_dir, pruned
        self.notes = Notes()
        self.expanded: set[str] = set()
        self._remember = remember
        self._names = NameStack()

    def walk(self, roots: Sequence[str]) -> Iterator[StagedItem]:
        """Yield the files of the roots, with paths relative to their root; a root that is a file is staged by its name.

        ``""`` is the whole storage. Empty directories are included, other directories are not. All files of a staged
        directory are adjacent. Raises Refused for a bad root or link, TooLarge above a limit.
        """
        parts = []
        for root in dict.fromkeys(root and input_path(root) for root in roots):
            entry = self.lister.entry(root)
            if entry is None:
                self.notes.add(missing_note(root))
            else:
                parts.append(Part(root, None, None if entry.is_dir else entry, real=True))
        yield from self.walk_parts(parts)

    def walk_parts(self, parts: list[Part]) -> Iterator[StagedItem]:
        """Like ``walk``, for known sources, with the chain that led to each."""
        level = _Level("", parts)
        try:
            yield from self._merge(level)
            stack = [level]
            while stack:
                if (found := self._next(stack[-1])) is None:
                    self.budget.release(stack.pop().held)
                    continue
                name, sources = found
                level = _Level(_staged_path(stack[-1].path, name), sources)
                self.budget.directory(level.path)
                yield from self._merge(level)
                stack.append(level)
        finally:
            self._names.close()

    def _next(self, level: _Level) -> tuple[str, list[Part]] | None:
        """Return the name and the parts of the next subdirectory of a merged directory; None after the last one."""
        if level.waiting:
            level.waiting -= 1
            name = self._names.pop()
            first = level.own_below(name)
            return name, [*([first] if first else ()), *level.below.pop(name, ())]
        if level.below:
            name = next(iter(level.below))
            return name, level.below.pop(name)
        return None

    def _merge(self, level: _Level) -> Iterator[StagedItem]:
        for part in level.parts:  # grows: a link may bring a file into its own directory
            if part.entry is None:
                yield from self._directory(level, part)
            elif part.entry.name.endswith(LINK_SUFFIX):
                self._follow(level, part.source, part.chain)
            elif self._accept(level, part.source, part.entry):
                yield _staged(level, part.source, part.entry)
        taken = level.files.count or level.mine.count or level.below
        if level.empty_source is not None and level.path and not taken:
            yield StagedItem(level.empty_source, level.path, 0, is_dir=True)
        del level.files, level.mine, level.parts

    def _directory(self, level: _Level, part: Part) -> Iterator[StagedItem]:
        self.budget.step()
        own = part is level.own
        chain = Chain(part.source, part.chain)
        if own:
            level.chain = chain
        links, held, empty = [], 0, True
        for entry in self.lister.children(part.source):
            empty = False
            path = _join(part.source, entry.name)
            if part.real and path in self.pruned:
                continue
            if entry.is_dir:
                if own:
                    level.mine.add(entry.name, _OWN)
                    level.waiting += 1
                    self._names.push(entry.name)
                else:
                    self._add_part(level, entry.name, Part(path, chain, None, part.real))
            elif entry.name.endswith(LINK_SUFFIX):
                held += self.budget.reserve(len(path))
                links.append(path)
            elif self._accept(level, path, entry, own=own):
                yield _staged(level, path, entry)
        if empty:
            level.empty_source = part.source
        for path in sorted(links):
            self._follow(level, path, chain)
        self.budget.release(held)

    def _accept(self, level: _Level, source: str, entry: Entry, *, own: bool = False) -> bool:
        """Record a file; return False if its staged path is taken. own: names within one directory are unique."""
        if own:
            level.files.add(entry.name, _OWN)
        else:
            seen = level.files.of(entry.name)
            if seen or self._has_directory(level, entry.name):
                self.budget.step()
                same = seen & _OWN and level.own and source == _join(level.own.source, entry.name)
                if not same and not (seen and level.files.of((entry.name, source))):
                    self._clash(level, entry.name, source)
                return False
            level.files.add(entry.name, _OTHER)
            level.files.add((entry.name, source), _OTHER)
        self.budget.file(entry.size)
        return True

    def _has_directory(self, level: _Level, name: str) -> bool:
        return name in level.below or bool(level.mine.of(name))

    def _add_part(self, level: _Level, name: str, part: Part) -> bool:
        if level.files.of(name):
            self._clash(level, name, part.source)
            return False
        parts = level.below.setdefault(name, [])
        if not any(known.source == part.source and known.chain is part.chain for known in parts):
            level.held += self.budget.reserve(len(part.source) + len(name))
            parts.append(part)
        return True

    def _clash(self, level: _Level, name: str, source: str) -> None:
        path = _staged_path(level.path, name)
        self.notes.add(f"left out {source!r}: {path!r} is already staged from another path")

    def _follow(self, level: _Level, link: str, chain: Chain | None) -> None:
        self.budget.step()
        target = read_target(self.lister, link, self.notes)
        if target is None:
            return
        if self.output_dir is not None and is_at_or_below(self.output_dir, target):
            raise refused_link(link, target, _OWN_OUTPUTS)
        entry = self.lister.entry(target)
        if entry is None:
            self.notes.add(f"left out {link!r}: its target {target!r} does not exist")
            return
        if target == link or (chain is not None and chain.holds(target)):
            self.notes.add(f"left out {link!r}: its target {target!r} is already being staged")
            return
        if entry.is_dir:
            if self._add_part(level, target.replace("/", "_"), Part(target, chain)) and self._remember:
                self.expanded.add(target)
            return
        parent = target.rpartition("/")[0]
        part = Part(target, Chain(link, chain) if target.endswith(LINK_SUFFIX) else chain, entry)
        if not parent:
            level.held += self.budget.reserve(len(target))
            level.parts.append(part)
        elif not self._add_part(level, parent.replace("/", "_"), part):
            return
        if self._remember:
            self.expanded.add(target)


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


def _staged(level: _Level, source: str, entry: Entry) -> StagedItem:
    return StagedItem(source, _staged_path(level.path, entry.name), entry.size, is_dir=False, etag=entry.etag)


def _staged_path(above: str, name: str) -> str:
    path = _join(above, name)
    if len(path) > _NAME_MAX // 4 and (len(os.fsencode(name)) > _NAME_MAX or len(os.fsencode(path)) > _PATH_MAX):
        raise Refused(f"the inputs would be staged under a name that is too long: {path[:300]}")
    return path
