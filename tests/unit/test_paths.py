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


@pytest.mark.parametrize(("passable", "expected"), [(False, 0o700), (True, 0o711)])
def test_nobody_else_gets_into_a_job_directory_unless_the_site_needs_that(
    job: JobDir, passable: bool, expected: int
) -> None:
    job = StoreBase(job.storebase.root, passable).job(job.jid)
    job.new_partial()
    assert mode(job.path) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give directories away")
@pytest.mark.parametrize(
    ("user", "gid", "expected"),
    [
        (User(4321, 1234), 1234, 0o710),
        (User(4321, None), os.getegid(), 0o710),  # a job keeps the service's group then
        (User(0, 0), 0, 0o700),
        (User(None, 7), 0, 0o700),
        (None, 0, 0o700),
    ],
)
def test_a_job_s_user_passes_by_group_where_nothing_is_mounted(
    job: JobDir, user: User | None, gid: int, expected: int
) -> None:
    job.make()
    job.allow_traversal(user)
    found = job.path.stat()
    assert (found.st_uid, found.st_gid, mode(job.path)) == (0, gid, expected)


def test_a_job_directory_of_an_earlier_release_is_used_as_it_is(job: JobDir) -> None:
    job.path.mkdir()
    job.path.chmod(0o711)
    job.complete(job.new_partial())
    job.make_outgoing(None)
    assert mode(job.path) == 0o711


def test_what_is_no_directory_is_not_staged_to(job: JobDir, tmp_path: Path) -> None:
    job.path.symlink_to(tmp_path)
    assert not job.exists()
    assert job.is_taken()
    with pytest.raises(NotADirectoryError):
        job.new_partial()
    assert list(tmp_path.iterdir()) == []


def test_outputs_are_not_made_behind_a_link(job: JobDir, tmp_path: Path) -> None:
    job.make()
    job.outgoing.symlink_to(tmp_path)
    before = mode(tmp_path)
    with pytest.raises(OSError, match="Not a directory"):
        job.make_outgoing(None)
    assert mode(tmp_path) == before
    assert not job.has_outputs()


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
    trashed = job.move_to_trash()
    assert trashed is not None
    assert not job.exists()
    assert trashed.parent == storebase.trash
    assert job.move_to_trash() is None


def test_what_is_in_a_job_directory_s_place_is_discarded_and_never_what_it_leads_to(
    job: JobDir, tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    job.path.symlink_to(tmp_path / "precious")
    waiting = job.move_to_trash()
    assert waiting is not None
    assert waiting.is_symlink()
    assert not job.is_taken()
    assert (tmp_path / "precious").is_dir()


def test_the_service_s_own_directories_are_closed_to_others(storebase: StoreBase) -> None:
    assert mode(storebase.spool) == mode(storebase.private) == 0o700
