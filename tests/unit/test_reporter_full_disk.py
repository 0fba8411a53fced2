"""What an operation tells of its end on a full disk."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small_disk import SmallDisk, small_disk

from pfcon.models import JobId, JobKind
from pfcon.operations.reporter import Reporter
from pfcon.paths import JobDir, StoreBase
from pfcon.progress import Progress, read_progress, write_progress
from pfcon.reasons import Why

LONG = "x" * 200_000  # no directory or inode has room for it


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "tmpfs", 1) as made:
        yield made


@pytest.fixture
def job(disk: SmallDisk) -> JobDir:
    job = StoreBase(disk.path).job(JobId("j"))
    job.make()
    write_progress(job, JobKind.UPLOAD, Progress("5 of 10 files"))
    disk.fill()
    return job


def test_an_end_that_can_not_be_written_down_is_a_good_end(job: JobDir) -> None:
    Reporter(job, JobKind.UPLOAD, patience=0).done(LONG, 10)
    assert read_progress(job, JobKind.UPLOAD) is None


def test_what_an_operation_says_last_waits_for_room(disk: SmallDisk, job: JobDir) -> None:
    room = threading.Timer(1, disk.empty)
    room.start()
    Reporter(job, JobKind.UPLOAD, patience=120).failed(Why(LONG))
    room.join()
    assert read_progress(job, JobKind.UPLOAD) == Progress(LONG, failed=True)


def test_a_reason_that_can_not_be_written_down_is_in_the_log(job: JobDir, capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(job, JobKind.UPLOAD, patience=0).failed(Why(LONG))
    assert LONG in capsys.readouterr().out
