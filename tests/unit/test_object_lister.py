"""An object store as a Lister: inputs and links, in few requests; random names against a naive model."""

import contextlib
from collections.abc import Iterator

import pytest
from fakes.memory_store import MemoryStore
from hypothesis import given, settings
from hypothesis import strategies as st
from support.links_model import check, model

from pfcon.errors import Refused, Unreachable
from pfcon.links.budget import InputsBudget, Notes
from pfcon.links.expansion import Expansion
from pfcon.storage.objects.listing import lister, page_cache
from pfcon.storage.objects.listing.lister import ObjectLister
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Listed, Transient


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def fill(store: MemoryStore, *names: str) -> None:
    for name in names:
        store.add(name, name.encode())


def walk(store: MemoryStore, *roots: str, output: str | None = None) -> tuple[dict[str, str], str]:
    """Staged path (of an empty directory with a slash) -> source, and all notes."""
    notes = Notes()
    with ObjectLister(store, Retrying(1), notes) as listing:
        expansion = Expansion(listing, InputsBudget(), output)
        items = {item.path + "/" * item.is_dir: item.source for item in expansion.walk(roots)}
    return items, "\n".join((*expansion.notes.lines(), *notes.lines()))


def test_paths_compare_by_components(store: MemoryStore) -> None:
    fill(store, "foo/a/1", "foo/ab/2", "foo/a-b/3", "foo/a.txt", "foo/a0", "foo")
    assert walk(store, "foo/a") == ({"1": "foo/a/1"}, "")
    assert walk(store, "foo/a.txt", "/foo/a0/".strip("/")) == ({"a.txt": "foo/a.txt", "a0": "foo/a0"}, "")


def test_an_input_is_an_object_or_a_directory_or_is_told_to_be_missing(store: MemoryStore) -> None:
    fill(store, "home/bob/f", "home/bobby/g")
    assert walk(store, "home/bob/f") == ({"f": "home/bob/f"}, "")
    assert walk(store, "home/bo", "home/bob/f/g", "nothing") == (
        {},
        "input 'home/bo' does not exist\ninput 'home/bob/f/g' does not exist\ninput 'nothing' does not exist",
    )
    assert walk(store, "x" * 300)[1] == f"input {'x' * 300!r} does not exist"


def test_an_input_that_stands_for_a_directory_is_an_empty_one(store: MemoryStore) -> None:
    store.add("in/empty/")
    store.add("in/marked", marker=True)
    assert walk(store, "in") == ({"empty/": "in/empty", "marked/": "in/marked"}, "")
    assert walk(store, "in/marked") == ({}, "")


def test_an_input_that_is_an_object_and_a_directory_is_the_directory(store: MemoryStore) -> None:
    fill(store, "in", "in/f")
    assert walk(store, "in") == ({"f": "in/f"}, "left out object 'in': a directory has the same name")
    store.add("in", b"")
    assert walk(store, "in") == ({"f": "in/f"}, "")


@pytest.mark.parametrize("root", ["/a", "a/../b", "..", "."])
def test_an_input_that_leads_out_is_refused(store: MemoryStore, root: str) -> None:
    with pytest.raises(Refused, match="Invalid input path: "):
        walk(store, root)


def test_names_that_would_lead_out_are_left_out_and_told(store: MemoryStore) -> None:
    fill(store, "in/../secret", "in/./x", "in//y", "in/f", "in/d/..")
    items, notes = walk(store, "in")
    assert items == {"f": "in/f"} | {"d/": "in/d"}
    for name in ("'in/../'", "'in/./'", "'in//'", "'in/d/..'"):
        assert name in notes


def test_links_are_followed_as_the_contract_says(store: MemoryStore) -> None:
    for name, content in {
        "in/home_bob.chrislink": b"home/bob\n",
        "home/bob/PIPELINES_bob.chrislink": b" PIPELINES/bob ",
        "PIPELINES/bob/pipeline.yml": b"x",
        "in/one.chrislink": b"home/ann/f",
        "home/ann/f": b"x",
        "home/ann/g": b"x",
        "home/anne/h": b"x",
        "in/gone.chrislink": b"home/an",
        "in/long.chrislink": b"x" * 4097,
        "in/huge.chrislink": b"x" * (3 << 20),
        "in/raw.chrislink": b"\xff",
        "in/key.chrislink": b"key-x",  # nothing in a store is pfcon's own
        "key-x/f": b"x",
    }.items():
        store.add(name, content)
    items, notes = walk(store, "in", output="home/bobby")
    assert items == {
        "home_bob/PIPELINES_bob/pipeline.yml": "PIPELINES/bob/pipeline.yml",
        "home_ann/f": "home/ann/f",
        "key-x/f": "key-x/f",
    }
    for name in ("gone", "long", "huge", "raw"):
        assert f"'in/{name}.chrislink'" in notes


@pytest.mark.parametrize("target", ["/etc", "../x", "", "out", "out/put"])
def test_a_link_that_leads_out_or_to_the_outputs_is_refused(store: MemoryStore, target: str) -> None:
    store.add("in/l.chrislink", target.encode())
    with pytest.raises(Refused, match="Invalid input path: "):
        walk(store, "in", output="out/put")


def test_a_link_that_vanished_is_refused_for_nobody_knows_what_it_stood_for(store: MemoryStore) -> None:
    store.add("in/l.chrislink", b"home")
    with ObjectLister(store, Retrying(1), Notes()) as listing:
        listing.entry("in")
        store.delete("in/l.chrislink")
        list(listing.children("in"))
        with pytest.raises(Refused, match="was deleted while"):
            listing.link_text("in/l.chrislink")


def test_a_tree_of_a_page_takes_a_look_and_a_page(store: MemoryStore) -> None:
    fill(store, *(f"in/d{n % 40}/e{n % 7}/f{n}" for n in range(900)))
    assert len(walk(store, "in")[0]) == 900
    assert store.requests["list"] <= 3  # the look does not reach the end


def test_a_small_tree_takes_one_request(store: MemoryStore) -> None:
    fill(store, *(f"in/d{n % 9}/f{n}" for n in range(100)), "in-b", "inner/x")
    assert len(walk(store, "in")[0]) == 100
    assert store.requests == {"list": 1}


def test_a_big_tree_takes_no_request_for_what_its_first_page_holds(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lister, "PAGE", 1000)
    monkeypatch.setattr(page_cache, "PAGE", 1000)
    fill(store, *(f"in/d{n // 10:03}/f{n}" for n in range(1500)))
    assert len(walk(store, "in")[0]) == 1500
    assert store.requests["list"] < 55  # 50 of the 150 directories are not in the page


def test_many_siblings_that_come_before_the_slash_hide_nothing(store: MemoryStore) -> None:
    fill(store, *(f"in-{n}" for n in range(1000)), "in/f")
    assert walk(store, "in") == ({"f": "in/f"}, "")
    store.delete("in/f")
    assert walk(store, "in")[1] == "input 'in' does not exist"


def test_a_directory_of_links_is_read_ahead(store: MemoryStore) -> None:
    for n in range(150):
        store.add(f"in/{n}.chrislink", f"home/{n}/data".encode())
        fill(store, f"home/{n}/data/f")
    assert len(walk(store, "in")[0]) == 150
    assert store.requests == {"get": 150, "list": 151}


def test_the_page_cache_is_bounded(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "CAPACITY", 300)
    fill(store, *(f"in/d{n % 50}/f{n}" for n in range(2000)))
    notes = Notes()
    with ObjectLister(store, Retrying(1), notes) as listing:
        items = list(Expansion(listing, InputsBudget()).walk(["in"]))
        assert sum(len(page.objects) for page in listing._pages._pages.values()) <= 300 + page_cache.PAGE
    assert len(items) == 2000


class Faulty(MemoryStore):
    """Each listing breaks off after so many pages; ``bound`` is how often."""

    after, bound = 1, 1000

    def pages(self, prefix: str, *, delimited: bool = False, limit: int = 0) -> Iterator[list[Listed]]:
        for number, page in enumerate(super().pages(prefix, delimited=delimited, limit=limit)):
            if number == self.after and self.bound:
                self.bound -= 1
                raise Transient("broken off")
            yield page


def test_a_listing_that_breaks_off_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lister, "PAGE", 10)
    monkeypatch.setattr(page_cache, "PAGE", 10)
    store = Faulty()
    store.bound = 1
    fill(store, *(f"in/f{n}" for n in range(2500)))
    assert len(walk(store, "in")[0]) == 2500


def test_a_listing_that_always_breaks_off_ends_with_patience() -> None:
    store = Faulty()
    store.after = 0
    with pytest.raises(Unreachable, match=r"listing 'in' in container 'users' in memory: broken off; gave up after"):
        walk(store, "in")


COMPONENTS = st.sampled_from(["a", "b", "a-", "a.x", "a0", "", ".", "..", "f", "g.chrislink", "h.chrislink"])
NAMES = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join).filter(bool)
TARGETS = st.lists(st.sampled_from(["a", "b", "a-", "f", "g.chrislink"]), min_size=1, max_size=3).map("/".join)


def as_tree(names: dict[str, tuple[str, int, bool]]) -> dict[str, object]:
    """Nested dicts, as a file system would hold them: written from the rules, name by name."""
    directories: set[str] = set()
    files: dict[str, str] = {}
    for name, (target, _, marker) in names.items():
        *above, last = name.split("/")
        good = 0
        while good < len(above) and above[good] not in ("", ".", ".."):
            good += 1
        directories |= {"/".join(above[: n + 1]) for n in range(good)}
        if good < len(above) or last in ("", ".", ".."):
            continue
        if marker:
            directories.add(name)
        else:
            files[name] = target
    tree: dict[str, object] = {}
    for path in sorted(directories):
        place = tree
        for part in path.split("/"):
            place = place.setdefault(part, {})  # type: ignore[assignment]
    for path, target in files.items():
        if path in directories:
            continue
        *above, last = path.split("/")
        place = tree
        for part in above:
            place = place[part]  # type: ignore[assignment]
        place[last] = target.encode() if last.endswith(".chrislink") else path.encode()
    return tree


@settings(max_examples=1500)
@given(
    st.dictionaries(NAMES, st.tuples(TARGETS, st.integers(0, 1), st.booleans()), max_size=12),
    st.sampled_from(["a", "b", "a-", "a/a", "a/b", "b/a-"]),
    st.integers(1, 4),
)
def test_any_names_are_staged_as_the_model_says(names: dict[str, tuple[str, int, bool]], root: str, page: int) -> None:
    store = MemoryStore()
    for name, (target, size, marker) in names.items():
        link = name.endswith(".chrislink") and not marker
        store.add(name, target.encode() if link else name.encode() * size, marker=marker)
    tree = as_tree(names)
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(lister, "LOOKUP_LIMIT", page)
        patch.setattr(lister, "PAGE", page + 1)
        patch.setattr(page_cache, "PAGE", page + 1)
        patch.setattr(page_cache, "CAPACITY", 10 * page)
        found, notes = walk(store, root)
    place: object = tree
    for part in root.split("/"):
        place = place.get(part) if isinstance(place, dict) else None
    if place is None:
        assert found == {}
    elif isinstance(place, dict):
        files = {path: source for path, source in found.items() if not path.endswith("/")}
        check(files, model(tree, root, "", (), frozenset()), notes)
