"""ChRIS links in random trees, against a naive model of the rules."""

from hypothesis import given, settings
from support.links import MemoryStorage, Tree, stage_zip, tree_of
from support.links_model import DIRECTORIES, check, flat, forests, model, told_of

from pfcon.links import is_at_or_below
from pfcon.links.budget import Budget
from pfcon.links.expansion import Expansion


@settings(max_examples=2000)
@given(forests(), DIRECTORIES)
def test_any_tree_is_staged_as_the_model_says(tree: Tree, root: str) -> None:
    storage = MemoryStorage(tree)
    if not isinstance(storage.find(root), dict):
        root = ""
    walk = Expansion(storage, Budget(0, 0))
    items = {item.path: item.source for item in walk.walk([root]) if not item.is_dir}
    check(items, model(tree, root, "", (), frozenset()), "\n".join(walk.notes.lines()))


@settings(max_examples=2000)
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
