"""A job's directories below storeBase."""

import os
import stat
from pathlib import Path

import pytest

from pfcon.models import JobId, User
from pfcon.paths import JobDir, StoreBase


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    """A job without any directory yet."""
    return storebase.job(JobId("j1"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_inputs_appear_whole_or_not_at_all(job: JobDir) -> None:
    partial = job.new_partial()
    (partial / "f").write_text("x")
    assert not job.incoming.exists()
    job.complete(partial)
    assert [path.name for path in job.path.rglob("*")] == ["incoming", "f"]


def test_staged_inputs_are_never_replaced(job: JobDir) -> None:
    first, second = job.new_partial(), job.new_partial()
    (first / "f").write_text("first")
    job.complete(first)
    (second / "f").write_text("second")
    with pytest.raises(OSError, match="not empty"):
        job.complete(second)
    assert (job.incoming / "f").read_text() == "first"


def test_others_pass_through_a_job_directory_but_do_not_list_it(job: JobDir) -> None:
    job.new_partial()
    assert mode(job.path) == 0o711


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give directories away")
def test_outputs_belong_to_the_job_s_user(job: JobDir) -> None:
    job.new_partial()
    job.make_outgoing(User(4321, 1234))
    found = job.outgoing.stat()
    assert (found.st_uid, found.st_gid, mode(job.outgoing)) == (4321, 1234, 0o755)


def test_outputs_are_writable_by_all_where_the_image_chooses_the_user(job: JobDir) -> None:
    job.new_partial()
    job.make_outgoing(None)
    assert mode(job.outgoing) == 0o777


def test_outputs_are_not_made_for_a_job_that_was_deleted(job: JobDir) -> None:
    with pytest.raises(FileNotFoundError):
        job.make_outgoing(None)


def test_a_discarded_job_is_gone_at_once_and_waits_in_the_trash(job: JobDir, storebase: StoreBase) -> None:
    (job.new_partial() / "f").write_text("x")
    grave = job.discard()
    assert grave is not None
    assert not job.exists()
    assert grave.parent == storebase.trash
    assert job.discard() is None


def test_a_symbolic_link_in_a_job_directory_s_place_is_left_alone(job: JobDir, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    job.path.symlink_to(tmp_path / "precious")
    assert job.discard() is None
    assert (tmp_path / "precious").is_dir()


def test_the_service_s_own_directories_are_closed_to_others(storebase: StoreBase) -> None:
    assert mode(storebase.spool) == mode(storebase.private) == 0o700
