"""Copying one file: every way gives the same one, and holes stay holes."""

import os
from pathlib import Path

import pytest
from support.copies import stage
from support.files import fill

from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.storage.copy_file import RESERVED, SMALL, FileCopier

BIG = SMALL * 4
RANDOM = os.urandom(BIG)
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


@pytest.mark.parametrize("way", ["clone", "range", "plain"])
@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, BIG])
def test_every_way_of_copying_gives_the_same_file(tmp_path: Path, way: str, size: int) -> None:
    (tmp_path / "a").write_bytes(RANDOM[:size])
    os.utime(tmp_path / "a", ns=(1, 1_234_567_890_123_456_789))
    steps: list[int] = []
    copier = FileCopier(steps.append, lambda size: None)
    copier.can_clone, copier.can_copy_range = way == "clone", way != "plain"
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        assert copier.copy(source.fileno(), os.fstat(source.fileno()), target.fileno(), "a") == size
    assert (tmp_path / "b").read_bytes() == RANDOM[:size]
    found = (tmp_path / "b").stat()
    assert found.st_mtime_ns == 1_234_567_890_123_456_789
    assert found.st_ino != (tmp_path / "a").stat().st_ino


@pytest.mark.parametrize("end", [b"tail", b""])
def test_holes_stay_holes(storebase: StoreBase, end: bytes) -> None:
    job = storebase.job(JobId("j1"))
    source = job.storebase.root / "in/sparse"
    fill(source.parent, "sparse", data=b"head")
    with source.open("r+b") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"middle" + end)
    stage(job)
    copy = job.incoming / "sparse"
    assert copy.stat().st_size == 1 << 30
    assert copy.stat().st_blocks * 512 < 1 << 20
    with copy.open("rb") as file:
        assert file.read(5) == b"head\0"
        file.seek(1 << 29)
        assert file.read(11) == (b"middle" + end + bytes(9))[:11]
