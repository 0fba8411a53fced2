"""Operations: what they tell, and what pfcon makes of it."""

from pathlib import Path

import pytest

from pfcon.errors import PfconError
from pfcon.models import JobId, JobKind
from pfcon.operations import __main__ as operations
from pfcon.orders import read_copy_order
from pfcon.paths import JobDir, StoreBase
from pfcon.progress import Progress, read_progress, write_progress


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    """A job with a directory."""
    job = storebase.job(JobId("j"))
    job.path.mkdir()
    return job


def test_progress_comes_back_as_it_was_told(job: JobDir) -> None:
    told = Progress("copied 3 files — é", failed=True, nfiles=3, notes=("a", "b"))
    write_progress(job, JobKind.COPY, told)
    assert read_progress(job, JobKind.COPY) == told
    assert read_progress(job, JobKind.DELETE) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"message": "x"}', '{"nfiles": "many"}'])
def test_progress_that_cannot_be_read_is_none(job: JobDir, content: str) -> None:
    (job.path / "copy.progress").write_text(content)
    assert read_progress(job, JobKind.COPY) is None


def test_names_that_are_not_utf8_do_not_stop_a_report(job: JobDir) -> None:
    write_progress(job, JobKind.COPY, Progress("left out 'n\udcff'"))
    found = read_progress(job, JobKind.COPY)
    assert found is not None
    assert found.message == "left out 'n\udcff'"


def test_a_copy_without_an_order_fails_and_says_so(job: JobDir, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PfconError, match="order"):
        read_copy_order(job)
    assert operations.main(["copy", str(job.path)]) == 1
    assert "order can't be read" in capsys.readouterr().out
    found = read_progress(job, JobKind.COPY)
    assert found is not None
    assert found.failed


def test_a_directory_that_is_no_job_s_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "f").touch()
    with pytest.raises(SystemExit, match="not a job directory"):
        operations.main(["delete", str(precious)])
    assert (precious / "f").exists()


def test_a_delete_empties_the_job_s_directory_alone(job: JobDir, storebase: StoreBase) -> None:
    outside = storebase.root / "home"
    outside.mkdir()
    (outside / "f").touch()
    (job.path / "incoming/sub").mkdir(parents=True)
    (job.path / "incoming/sub/f").touch()
    (job.path / "link").symlink_to(outside)
    assert operations.main(["delete", str(job.path)]) == 0
    assert [path.name for path in job.path.iterdir()] == ["delete.progress"]
    assert (outside / "f").exists()
