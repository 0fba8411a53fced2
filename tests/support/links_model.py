"""A naive model of ChRIS links' rules, and random trees to compare it with."""

import re

from hypothesis import strategies as st

from pfcon.links import is_at_or_below

from .links import MemoryStorage, Tree, tree_of

DIRECTORIES = st.lists(st.sampled_from(["a", "b", "ab", "a_b"]), min_size=1, max_size=3).map("/".join)
FILES = st.tuples(DIRECTORIES, st.sampled_from(["f", "g", "b", "a_b"])).map("/".join)
LINKS = st.tuples(DIRECTORIES, st.sampled_from(["x.chrislink", "y.chrislink"])).map("/".join)


@st.composite
def forests(draw: st.DrawFn) -> Tree:
    """Trees of files and links; most targets exist."""
    files: dict[str, bytes | str] = dict.fromkeys(draw(st.lists(FILES, min_size=1, max_size=8)), b"")
    links = draw(st.lists(LINKS, max_size=6, unique=True))
    places = sorted({path.rpartition("/")[0] for path in [*files, *links]} | files.keys() | set(links))
    for link in links:
        files[link] = draw(st.sampled_from(places) | DIRECTORIES)
    parents = {above for path in files for above in parents_of(path)}
    return tree_of({path: content for path, content in files.items() if path not in parents})


def parents_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def model(
    tree: Tree, source: str, staged: str, chain: tuple[str, ...], pruned: frozenset[str] | None
) -> list[tuple[str, str]]:
    """Every (staged path, source) in the order of the rules, collisions not settled; directories end in "/".

    ``pruned`` is None where a link has led.
    """
    storage = MemoryStorage(tree)

    def follow(link: str, where: str, chain: tuple[str, ...]) -> list[tuple[str, str]]:
        target = storage.find(link).decode()
        found = storage.find(target)
        if found is None or target == link or target in chain:
            return []
        if isinstance(found, dict):
            return model(tree, target, f"{where}/{target.replace('/', '_')}", chain, None)
        parent, _, name = target.rpartition("/")
        place = f"{where}/{parent.replace('/', '_')}" if parent else where
        if name.endswith(".chrislink"):
            return [(f"{place}/", parent), *follow(target, place, (*chain, link))]
        return [(f"{place}/", parent), (f"{place}/{name}", target)]

    found: list[tuple[str, str]] = [(f"{staged}/", source)]
    children = storage.find(source)
    for name in sorted(children):
        path = f"{source}/{name}" if source else name
        if pruned is not None and path in pruned:
            continue
        if isinstance(children[name], dict):
            found += model(tree, path, f"{staged}/{name}", (*chain, source), pruned)
        elif name.endswith(".chrislink"):
            found += follow(path, staged, (*chain, source))
        else:
            found.append((f"{staged}/{name}", path))
    return found


def told_of(source: str, notes: str) -> bool:
    """Whether a note names a source, or a directory that it is in, as staged from elsewhere."""
    left_out = re.findall(r"left out '([^']*)': '[^']*' is already staged from another path", notes)
    return any(is_at_or_below(source, path) for path in left_out)


def check(items: dict[str, str], wanted: list[tuple[str, str]], notes: str) -> None:
    choices: dict[str, set[str]] = {}
    directories = {path.strip("/") for path, _ in wanted if path.endswith("/")}
    for path, source in wanted:
        if not path.endswith("/"):
            choices.setdefault(path.lstrip("/"), set()).add(source)
    for path, source in items.items():
        assert source in choices[path]
    for path in choices.keys() - items.keys():
        in_the_way = set(parents_of(path)) & items.keys()
        if in_the_way:  # a file, where a directory above this one wanted to be
            assert any(f": {above!r} is already staged from another path" in notes for above in in_the_way)
        elif path in directories:  # a directory came first: each file that wanted its name is told
            assert all(told_of(source, notes) for source in choices[path])
        else:
            assert set(parents_of(path)) & choices.keys(), f"{path} is missing"
            assert "staged from another path" in notes
    for path in choices.keys() & items.keys():
        assert all(told_of(source, notes) for source in choices[path] - {items[path]})


def flat(tree: Tree, above: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, value in tree.items():
        found |= flat(value, f"{above}{name}/") if isinstance(value, dict) else {above + name: value}
    return found
