"""Spellings of a path that a file system takes for the same directory."""

import os
import unicodedata
from pathlib import Path

import pytest

from pfcon.paths import StoreBase
from pfcon.spelling import folded, path_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("home/u/X", "home/u/x"),
        ("Zo\u00eb", unicodedata.normalize("NFD", "ZO\u00cb")),
        ("stra\u00dfe", "STRASSE"),
        ("\u0131", "I"),
        ("\u212a", "k"),
    ],
)
def test_names_that_a_file_system_may_take_for_one_share_a_key(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert folded(folded(one)) == folded(one)


def test_other_names_do_not() -> None:
    assert len({folded(name) for name in ("a", "b", "a/b", "a b", "a.", "\u00e9", "e")}) == 7


def test_spellings_are_told_apart_where_the_file_system_does(storebase: StoreBase) -> None:
    (storebase.root / "x").mkdir()
    if (storebase.root / "X").exists():
        pytest.skip("the file system of the tests' directories takes x and X for the same")
    assert path_key(storebase, "home/X") == "home/X"
    assert os.listdir(storebase.private / "probe") == []


def test_spellings_count_as_the_same_where_that_can_not_be_tried(tmp_path: Path) -> None:
    storebase = StoreBase(tmp_path / "gone")
    assert path_key(storebase, "home/X") == path_key(storebase, "home/x")
    (tmp_path / "gone").mkdir()
    assert path_key(storebase, "home/X") != path_key(storebase, "home/x")
