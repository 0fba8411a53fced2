"""ChRIS links: each rule of the contract, and random trees against a naive model."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.zips import NO_LIMITS, good_zip, spooled

from pfcon.archive.members import read_contents
from pfcon.archive.unzip import read_small
from pfcon.archive.zip_links import ZipTree, expand
from pfcon.errors import Refused, TooLarge
from pfcon.links import Entry, Expansion, is_at_or_below
from pfcon.links.budget import Budget

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
        tree = ZipTree(contents, lambda member: read_small(upload.file.fileno(), member))
        items, notes = expand(tree, NO_LIMITS)
    return {item.path + "/" * item.is_dir: item.source for item in items}, "\n".join(notes)


def test_the_contracts_example() -> None:
    files = {
        "in/home_bob.chrislink": "home/bob\n",
        "home/bob/PIPELINES_bob.chrislink": " PIPELINES/bob ",
        "PIPELINES/bob/pipeline.yml": "x",
    }
    staged, notes = stage(files, "in")
    assert staged == {"home_bob/PIPELINES_bob/pipeline.yml": "PIPELINES/bob/pipeline.yml"}
    assert notes == ""


def test_a_link_to_a_file_gives_its_parents_directory_with_that_file_alone() -> None:
    staged, _ = stage({"in/d/l.chrislink": "home/bob/a.txt", "home/bob/a.txt": "", "home/bob/b.txt": ""}, "in")
    assert staged == {"d/home_bob/a.txt": "home/bob/a.txt"}


def test_a_link_to_a_file_at_the_storage_root_puts_it_beside_the_link() -> None:
    staged, _ = stage({"in/d/l.chrislink": "a.txt", "a.txt": ""}, "in")
    assert staged == {"d/a.txt": "a.txt"}


def test_a_link_to_a_link_file_is_expanded_where_that_file_would_be() -> None:
    staged, _ = stage({"in/l.chrislink": "x/m.chrislink", "x/m.chrislink": "y", "y/f": ""}, "in")
    assert staged == {"x/y/f": "y/f"}


def test_several_roots_merge_each_relative_to_its_own() -> None:
    staged, notes = stage({"a/x/1": "", "b/c/x/2": "", "b/c/3": "", "d/file": ""}, "a", "b/c", "d/file", "a")
    assert staged == {"x/1": "a/x/1", "x/2": "b/c/x/2", "3": "b/c/3", "file": "d/file"}
    assert notes == ""


def test_paths_compare_by_components() -> None:
    files = {"foo/a/1": "", "foo/ab/2": "", "in/l.chrislink": "foo/a", "in/m.chrislink": "foo/ab"}
    staged, _ = stage(files, "in", output="foo/abc")
    assert sorted(staged) == ["foo_a/1", "foo_ab/2"]
    assert [is_at_or_below(path, "foo/a") for path in ("foo/a", "foo/a/b", "foo/ab", "foo")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("target", ["/etc", "../x", "a/../b", "", "  ", "./", "a\0b", "out", "out/put", "./out//put/"])
def test_a_target_that_leads_out_or_to_the_output_is_refused(target: str) -> None:
    files = {"in/l.chrislink": target, "out/put/f": "", "b/f": ""}
    with pytest.raises(Refused, match="Invalid input path: "):
        stage(files, "in", output="out/put")


def test_a_target_below_the_output_or_beside_it_is_no_fault() -> None:
    files = {
        "in/l.chrislink": "out/put/deep",
        "in/m.chrislink": "out/putter",
        "out/put/deep/f": "",
        "out/putter/g": "",
    }
    assert len(stage(files, "in", output="out/put")[0]) == 2


@pytest.mark.parametrize("root", ["/a", "a/../b", "..", "."])
def test_a_root_that_leads_out_is_refused(root: str) -> None:
    with pytest.raises(Refused, match="Invalid input path: "):
        stage({"a/f": ""}, root)


def test_what_does_not_exist_is_left_out_with_a_note() -> None:
    staged, notes = stage({"in/l.chrislink": "gone/away", "in/f": ""}, "in", "no/where")
    assert sorted(staged) == ["f"]
    assert "'gone/away'" in notes
    assert "'no/where'" in notes


@pytest.mark.parametrize("content", [b"x" * 4097, b"\xff\xfe"], ids=["too long", "no text"])
def test_what_is_no_link_is_left_out_with_a_note(content: bytes) -> None:
    staged, notes = stage({"in/l.chrislink": content, "in/f": ""}, "in")
    assert sorted(staged) == ["f"]
    assert "in/l.chrislink" in notes


def test_a_link_to_its_own_directory_or_one_above_ends() -> None:
    files = {
        "in/d/l.chrislink": "in/d",
        "in/d/m.chrislink": "in",
        "in/d/n.chrislink": "in/d/n.chrislink",
        "in/d/f": "",
    }
    staged, notes = stage(files, "in")
    assert staged == {"d/f": "in/d/f"}
    assert notes.count("being staged already") == 3


def test_a_directory_above_an_input_root_is_expanded_once() -> None:
    staged, notes = stage({"home/in/l.chrislink": "home", "home/in/f": "", "home/g": ""}, "home/in")
    assert staged == {"f": "home/in/f", "home/g": "home/g", "home/in/f": "home/in/f"}
    assert notes.count("being staged already") == 1


def test_a_link_directory_merges_with_a_real_one() -> None:
    staged, notes = stage({"in/l.chrislink": "a/b", "in/a_b/1": "", "a/b/2": "", "a/b/1": "other"}, "in")
    assert staged == {"a_b/1": "in/a_b/1", "a_b/2": "a/b/2"}
    assert "'a/b/1'" in notes


def test_the_same_file_twice_at_one_place_is_staged_once_silently() -> None:
    files = {"in/l.chrislink": "a/b", "in/m.chrislink": "a/b", "in/n.chrislink": "a/b/1", "a/b/1": ""}
    assert stage(files, "in") == ({"a_b/1": "a/b/1"}, "")


def test_a_directory_reached_in_two_ways_has_what_either_way_brings() -> None:
    files = {"p/l.chrislink": "t", "q/l.chrislink": "t", "t/m.chrislink": "p", "t/f": "", "p/g": ""}
    staged, notes = stage(files, "p", "q")
    assert staged == {"g": "p/g", "t/f": "t/f", "t/p/g": "p/g"}  # from p alone, t's link to p would end there
    assert notes.count("being staged already") == 2


def test_a_directory_in_the_way_of_a_file_stays_though_nothing_in_it_does() -> None:
    staged, notes = stage(
        {"in/a/b/x.chrislink": "in", "in/a/l.chrislink": "c/f", "in/a/c/f/y.chrislink": "in", "c/f": ""}, "in"
    )
    assert staged == {}
    assert "left out 'c/f': 'a/c/f' is staged from elsewhere already" in notes


def test_a_file_in_the_way_of_a_directory_stays_and_is_told() -> None:
    staged, notes = stage({"in/a_b": "file", "in/l.chrislink": "a/b", "a/b/1": ""}, "in")
    assert staged == {"a_b": "in/a_b"}
    assert "'a/b'" in notes


def test_empty_directories_are_told_others_not() -> None:
    staged, _ = stage({"in/d/empty/": "", "in/d/f": "", "in/l.chrislink": "void", "void/": ""}, "in")
    assert sorted(staged) == ["d/empty/", "d/f", "void/"]


def test_a_name_that_no_file_system_takes_is_refused() -> None:
    target = "/".join(["x" * 100] * 3)
    with pytest.raises(Refused, match="too long"):
        stage({"in/l.chrislink": target, f"{target}/f": ""}, "in")


def bomb() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {f"d{n}/l{i}.chrislink": f"d{n + 1}/s{i}" for n in range(12) for i in range(9)}
    files |= {f"d{n}/s{i}/m{k}.chrislink": f"d{n + 1}/s{k}" for n in range(1, 12) for i in range(9) for k in range(9)}
    return files | {"d0/start": "", "d12/s1/end": "x" * 50}


def test_links_that_multiply_hit_a_limit() -> None:
    walk = Expansion(MemoryStorage(tree_of(bomb())), Budget(1000, 0))
    with pytest.raises(TooLarge, match="PFCON_MAX_FILES"):
        list(walk.walk(["d0"]))


@pytest.mark.parametrize(("budget", "setting"), [(Budget(2, 0), "MAX_FILES"), (Budget(0, 299), "MAX_UNPACKED_BYTES")])
def test_files_count_as_often_as_they_are_staged(budget: Budget, setting: str) -> None:
    files = {"in/l.chrislink": "x", "in/d/l.chrislink": "x", "in/e/l.chrislink": "x", "x/f": "y" * 100}
    with pytest.raises(TooLarge, match=setting):
        list(Expansion(MemoryStorage(tree_of(files)), budget).walk(["in"]))


def test_a_thousand_notes_are_counted_only() -> None:
    _, notes = stage({f"in/{n}.chrislink": "gone" for n in range(1000)}, "in")
    assert notes.endswith("and 900 more notes")


# --- in zips ---


def test_in_a_zip_the_files_behind_links_are_moved() -> None:
    files = {
        "a.txt": "",
        "l.chrislink": "home/bob/feeds/feed_2/data",
        "home/bob/feeds/feed_2/data/b.txt": "",
        "home/bob/feeds/feed_2/data/n.chrislink": "home/bob/feeds/feed_3/data",
        "home/bob/feeds/feed_3/data/c.txt": "",
    }
    staged, notes = stage_zip(files)
    first = "home_bob_feeds_feed_2_data"
    assert sorted(staged) == ["a.txt", f"{first}/b.txt", f"{first}/home_bob_feeds_feed_3_data/c.txt"]
    assert notes == ""


def test_in_a_zip_real_folders_that_share_the_top_with_a_target_stay() -> None:
    staged, _ = stage_zip({"l.chrislink": "home/a", "home/a/1": "", "home/ab/2": "", "home/3": "", "home/e/": ""})
    assert sorted(staged) == ["home/3", "home/ab/2", "home/e/", "home_a/1"]


def test_in_a_zip_a_file_linked_twice_is_staged_twice() -> None:
    staged, _ = stage_zip({"d/l.chrislink": "p/f", "e/l.chrislink": "p", "p/f": "", "p/g": ""})
    assert sorted(staged) == ["d/p/f", "e/p/f", "e/p/g"]


def test_in_a_zip_a_single_linked_file_moves_and_its_neighbours_stay() -> None:
    staged, _ = stage_zip({"l.chrislink": "p/f", "p/f": "", "p/g": ""})
    assert sorted(staged) == ["p/f", "p/g"]
    assert stage_zip({"d/l.chrislink": "p/f", "p/f": "", "p/g": ""})[0].keys() == {"d/p/f", "p/g"}


def test_in_a_zip_a_link_above_itself_moves_nothing() -> None:
    staged, notes = stage_zip({"home/bob/l.chrislink": "home", "home/bob/f": "", "home/g": ""})
    assert sorted(staged) == ["home/bob/f", "home/g"]
    assert "being staged already" in notes


def test_in_a_zip_a_ring_of_links_keeps_its_first_directory_in_place() -> None:
    staged, _ = stage_zip({"a/l.chrislink": "b", "b/l.chrislink": "a", "a/1": "", "b/2": ""})
    assert sorted(staged) == ["a/1", "a/b/2"]


def test_in_a_zip_a_ring_that_a_later_ring_links_to_stays_in_place_too() -> None:
    links = {"a/l": "a2", "a2/l": "a", "b/k": "a", "b/l": "b2", "b2/l": "b"}
    files = {f"{name}.chrislink": target for name, target in links.items()}
    staged, _ = stage_zip({**files, "a/1": "", "a2/2": "", "b/3": "", "b2/4": ""})
    assert sorted(staged) == ["a/1", "a/a2/2", "b/3", "b/a/1", "b/a/a2/2", "b/b2/4"]


def test_in_a_zip_what_a_name_in_the_way_keeps_from_moving_stays_in_place() -> None:
    staged, notes = stage_zip({"p_q": "", "l.chrislink": "p/q", "p/q/f": ""})
    assert sorted(staged) == ["p/q/f", "p_q"]
    assert notes != ""


# --- random trees against a naive model ---

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


def test_limits_of_the_upload_hold_for_expanded_zips() -> None:
    files = {f"{n}/l.chrislink": b"p" for n in range(9)} | {"p/f": b"x" * 100}
    upload = spooled(good_zip(files))
    with upload.file:
        contents = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
        tree = ZipTree(contents, lambda member: read_small(upload.file.fileno(), member))
        with pytest.raises(TooLarge, match="PFCON_MAX_UNPACKED_BYTES"):
            expand(tree, replace(NO_LIMITS, unpacked_bytes=500))
