"""Copying one large file."""

import os
from pathlib import Path

import pytest

from pfcon.storage.copy_file import RESERVED, FileCopier

PIECE = bytes(range(256)) * 4096


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file for which space is reserved, of an odd size."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        while file.tell() < RESERVED:
            file.write(PIECE)
        file.write(b"odd")
    return path


def copy(copier: FileCopier, source: Path, target: Path) -> int:
    with source.open("rb") as old, target.open("xb") as new:
        return copier.copy(old.fileno(), os.fstat(old.fileno()), new.fileno(), source.name)


@pytest.mark.parametrize("lacks", [[], ["can_reserve"], ["can_clone", "can_copy_range", "can_reserve"]])
def test_a_large_file_is_copied_whole_whatever_the_file_system_can(
    large: Path, tmp_path: Path, lacks: list[str]
) -> None:
    steps: list[int] = []
    copier = FileCopier(steps.append, lambda _: None)
    for name in lacks:
        setattr(copier, name, False)
    size = copy(copier, large, tmp_path / "copy")
    assert size == large.stat().st_size
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()
    assert (tmp_path / "copy").stat().st_mtime_ns == large.stat().st_mtime_ns
    assert copier.can_clone or sum(steps) == size
