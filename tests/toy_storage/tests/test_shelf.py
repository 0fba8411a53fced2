"""What the contract does not ask: the key, and what is sent again."""

from pathlib import Path

import pytest

from pfcon.errors import Refused, Unreachable
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon_shelf.storage import FILES, KEY_FILE, ShelfStorage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shelf"
    (root / FILES).mkdir(parents=True)
    (root / KEY_FILE).write_text("opens\n")
    return root


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    job = storebase.job(JobId("jid"))
    (job.outgoing / "sub").mkdir(parents=True)
    (job.outgoing / "sub" / "a").write_text("alpha")
    (job.outgoing / "b").write_text("beta")
    return job


def test_a_wrong_key_is_refused_and_a_missing_shelf_is_unreachable(root: Path) -> None:
    assert ShelfStorage(root, "opens", 0).check() == f"the shelf {root}"
    with pytest.raises(Refused, match="SHELF_KEY"):
        ShelfStorage(root, "wrong", 0).check()
    with pytest.raises(Unreachable):
        ShelfStorage(root / "missing", "opens", 0).check()


def test_only_changed_files_are_sent_again(root: Path, job: JobDir) -> None:
    shelf = ShelfStorage(root, "opens", 0)
    assert shelf.deliver(job, "home/out", print).nsent == 2
    (job.outgoing / "b").write_text("gamma")
    again = shelf.deliver(job, "home/out", print)
    assert (again.nfiles, again.nbytes, again.nsent) == (2, 10, 1)
    assert {path.name: path.read_text() for path in (root / FILES / "home/out").rglob("*") if path.is_file()} == {
        "a": "alpha",
        "b": "gamma",
    }


def test_delivered_files_are_readable_and_nothing_else_is_left(root: Path, job: JobDir) -> None:
    ShelfStorage(root, "opens", 0).deliver(job, "home/out", print)
    files = [path for path in (root / FILES).rglob("*") if path.is_file()]
    assert {path.name: path.stat().st_mode & 0o444 for path in files} == {"a": 0o444, "b": 0o444}


def test_a_file_in_the_way_of_a_directory_and_a_link_out_of_the_shelf_are_refused(root: Path, job: JobDir) -> None:
    shelf = ShelfStorage(root, "opens", 0)
    place = root / FILES / "home/out"
    place.mkdir(parents=True)
    (place / "sub").write_text("a file")
    with pytest.raises(Refused, match="same name"):
        shelf.deliver(job, "home/out", print)
    (place / "sub").unlink()
    (place / "b").unlink(missing_ok=True)
    (place / "b").mkdir()
    with pytest.raises(Refused, match="same name"):
        shelf.deliver(job, "home/out", print)
    (root / FILES / "out").symlink_to(root)
    with pytest.raises(Refused, match="not a path below"):
        shelf.deliver(job, "out", print)
    assert not list((root / FILES).rglob(".*"))


def test_the_key_is_not_among_the_users_files(root: Path) -> None:
    assert not list((root / FILES).iterdir())
