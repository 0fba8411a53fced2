"""Names of objects as paths: what a directory holds, and what is left out with a note."""

import pytest

from pfcon.links import Entry
from pfcon.links.budget import Notes
from pfcon.storage.objects.listing.names import below, children, collapsed, fault_of
from pfcon.storage.objects.store import Listed


def entries(*listing: Listed) -> tuple[set[str], tuple[str, ...]]:
    """What the directory ``foo`` holds, directories with a slash, and the notes."""
    notes = Notes()
    found = children("foo", listing, notes)
    return {entry.name + "/" * entry.is_dir for entry in found.values()}, notes.lines()


def objects(*names: str) -> list[Listed]:
    return [Listed(name, 1) for name in sorted(names)]


def test_a_listing_with_the_delimiter_is_told_from_a_flat_one() -> None:
    flat = objects("foo", "foo-b/x", "foo/", "foo/a", "foo/a-b", "foo/a/1", "foo/a/b/2", "foo/ab", "foo//x", "foo0")
    found = [(listed.name, listed.size) for listed in collapsed(flat, "foo")]
    assert found == [("foo/", 1), ("foo//", None), ("foo/a", 1), ("foo/a-b", 1), ("foo/a/", None), ("foo/ab", 1)]
    assert below(flat, "foo/a") == (6, 8)
    assert list(collapsed(flat, "nowhere")) == []


def test_files_and_directories_have_their_sizes_and_versions() -> None:
    notes = Notes()
    found = children("foo", [Listed("foo/a", 3, "e"), Listed("foo/b/", None)], notes)
    assert found == {"a": Entry("a", False, 3, "e"), "b": Entry("b", True)}
    assert notes.lines() == ()


def test_an_object_that_stands_for_a_directory_is_one_silently() -> None:
    marked = Listed("foo/b", 0, "e", marker=True)
    assert entries(Listed("foo/", 0), Listed("foo/a/", None), marked) == ({"a/", "b/"}, ())


@pytest.mark.parametrize("listed", [Listed("foo/", 9), Listed("foo/b", 9, "e", marker=True)])
def test_content_of_an_object_that_stands_for_a_directory_is_left_out_and_told(listed: Listed) -> None:
    assert entries(listed)[1] == (f"left out the content of object {listed.name!r}: the object represents a directory",)


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_file_and_a_directory_of_one_name_the_directory_stays(turned: bool) -> None:
    both = [Listed("foo/a", 9), Listed("foo/a/", None)]
    assert entries(*both[:: -1 if turned else 1]) == (
        {"a/"},
        ("left out object 'foo/a': a directory has the same name",),
    )
    assert entries(Listed("foo/a", 0), Listed("foo/a-", 0), Listed("foo/a/", None)) == ({"a/", "a-"}, ())


@pytest.mark.parametrize("component", ["", ".", "..", "x" * 256, "é" * 128, "a\0b", "\ud800"])
def test_what_is_no_name_of_a_file_is_left_out_and_told_once(component: str) -> None:
    assert fault_of(component)
    found, notes = entries(Listed(f"foo/{component}/", None), Listed("foo/ok", 1))
    assert found == {"ok"}
    assert len(notes) == 1
    assert repr(f"foo/{component}/") in notes[0]
    if component:
        assert entries(Listed(f"foo/{component}", 1))[0] == set()


@pytest.mark.parametrize("component", ["a", " ", "...", "x" * 255, "é" * 127, "a\nb", "日本", "key-x", ".pfcon", "\\"])
def test_any_other_name_is_one(component: str) -> None:
    assert fault_of(component) is None
    assert entries(Listed(f"foo/{component}", 1)) == ({component}, ())
