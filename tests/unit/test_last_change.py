"""The last change of a directory, while others change it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pfcon.files import last_change as module
from pfcon.files.last_change import last_change


def test_an_entry_that_is_deleted_meanwhile_does_not_make_its_directory_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()

    def vanishing(entries: "Iterator[os.DirEntry[str]]", _most: int) -> "Iterator[os.DirEntry[str]]":
        for entry in list(entries):
            os.unlink(entry.path)
            yield entry

    monkeypatch.setattr(module, "islice", vanishing)
    assert last_change(str(tmp_path)) == pytest.approx(tmp_path.stat().st_mtime, abs=5)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_does_not_exist_has_no_last_change(tmp_path: Path) -> None:
    assert last_change(str(tmp_path / "none")) is None
