"""Small files where a job may have put anything in their places."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pfcon.files.small_files import read_small, write_small
from pfcon.models import JobId, JobKind
from pfcon.operations import __main__ as operations
from pfcon.paths import JobDir, StoreBase
from pfcon.progress import MAX_BYTES, Progress, clear_progress, read_progress, write_progress

NAME = "copy.progress"


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    job = storebase.job(JobId("j"))
    job.make()
    (storebase.root / "precious").write_text('{"message": "x", "failed": false, "nfiles": 0, "notes": []}')
    return job


def link(path: Path) -> None:
    path.symlink_to(path.parents[1] / "precious")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()
    (path / "f").touch()


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


def nested(path: Path) -> None:
    path.write_text("[" * (MAX_BYTES - 1))


@pytest.mark.parametrize("put", [link, pipe, directory, huge, nested])
def test_what_is_no_progress_is_none_and_is_replaced(job: JobDir, put: Callable[[Path], None]) -> None:
    put(job.path / NAME)
    assert read_progress(job, JobKind.COPY) is None
    clear_progress(job, JobKind.COPY)
    write_progress(job, JobKind.COPY, Progress("new"))
    assert read_progress(job, JobKind.COPY) == Progress("new")
    assert (job.storebase.root / "precious").read_text().startswith("{")


@pytest.mark.parametrize("put", [link, pipe, directory, huge])
@pytest.mark.parametrize("kind", ["copy", "upload"])
def test_an_order_that_is_none_fails_the_operation(
    job: JobDir, put: Callable[[Path], None], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(job.path / f"{kind}.order")
    assert operations.main([kind, str(job.path)]) == 1
    assert "order can't be read" in capsys.readouterr().out


def test_a_link_in_the_directory_s_place_is_not_followed(storebase: StoreBase, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    (storebase.root / "key-j").symlink_to(tmp_path)
    with pytest.raises(OSError, match="Not a directory"):
        read_small(storebase.root / "key-j", "f", 10)
    with pytest.raises(OSError, match="Not a directory"):
        write_small(storebase.root / "key-j", "g", "x")
    assert os.listdir(tmp_path) == ["f"]
    with pytest.raises(SystemExit, match="not a job directory"):
        operations.main(["delete", str(storebase.root / "key-j")])
    assert os.listdir(tmp_path) == ["f"]


def test_a_file_of_just_the_limit_is_read(tmp_path: Path) -> None:
    write_small(tmp_path, "f", "x" * 100)
    assert read_small(tmp_path, "f", 100) == b"x" * 100
    with pytest.raises(OSError, match="more than 99 bytes"):
        read_small(tmp_path, "f", 99)
    assert os.listdir(tmp_path) == ["f"]
