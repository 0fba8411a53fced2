"""ChRIS links in random trees, against a naive model of the rules."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from support.links import MemoryStorage, Tree, stage_zip, tree_of

from pfcon.links import Expansion, is_at_or_below
from pfcon.links.budget import Budget

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
    left_out = re.findall(r"left out '([^']*)': '[^']*' is staged from elsewhere", notes)
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
        if path in directories:  # a directory came first: each file that wanted its name is told
            assert all(told_of(source, notes) for source in choices[path])
        else:
            assert set(parents_of(path)) & choices.keys(), f"{path} is missing"
            assert "staged from elsewhere" in notes
    for path in choices.keys() & items.keys():
        assert all(told_of(source, notes) for source in choices[path] - {items[path]})


@settings(max_examples=2000, deadline=None)
@given(forests(), DIRECTORIES)
def test_any_tree_is_staged_as_the_model_says(tree: Tree, root: str) -> None:
    storage = MemoryStorage(tree)
    if not isinstance(storage.find(root), dict):
        root = ""
    walk = Expansion(storage, Budget(0, 0))
    items = {item.path: item.source for item in walk.walk([root]) if not item.is_dir}
    check(items, model(tree, root, "", (), frozenset()), "\n".join(walk.notes.lines()))


def flat(tree: Tree, above: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, value in tree.items():
        found |= flat(value, f"{above}{name}/") if isinstance(value, dict) else {above + name: value}
    return found


@settings(max_examples=2000, deadline=None)
@given(forests())
def test_a_zip_never_loses_a_file_and_moves_what_was_expanded(tree: Tree) -> None:
    files = flat(tree)
    items, notes = stage_zip(files)
    data = {path for path in files if not path.endswith(".chrislink")}
    lost = data - set(items.values())
    assert all(told_of(path, notes) for path in lost), (lost, notes)
    targets = {files[path].decode() for path in files.keys() - data}
    for path in data:
        if not any(is_at_or_below(path, target) for target in targets):
            assert items.get(path) == path or told_of(path, notes)
    for staged, source in items.items():
        if staged != source:  # something led there; unless in a ring, the original place is empty
            in_ring = items.get(source) == source
            assert not in_ring or any(is_at_or_below(source, target) for target in targets)
    storage = MemoryStorage(tree_of(files))
    everywhere = {(path.lstrip("/"), source) for path, source in model(storage.tree, "", "", (), frozenset())}
    assert set(items.items()) <= everywhere
