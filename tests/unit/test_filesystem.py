"""Storage filesystem: what is mounted in place, and what is copied because it can't be."""

import os
from pathlib import Path, PurePosixPath

import pytest

from pfcon.errors import InvalidFields, Refused
from pfcon.models import INCOMING, CopyRequest, JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Staged
from pfcon.storage.filesystem import FilesystemStorage


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    (storebase.root / "home/in/d").mkdir(parents=True)
    (storebase.root / "home/in/f").write_bytes(b"data")
    (storebase.root / "home/in/d/g").write_bytes(b"more")
    (storebase.root / "home/in/l.chrislink").write_bytes(b"home/other")
    (storebase.root / "home/out").mkdir()
    return storebase.job(JobId("j1"))


def request(*inputs: str) -> CopyRequest:
    return CopyRequest(JobId("j1"), tuple(map(PurePosixPath, inputs)), PurePosixPath("home/out"), 1000, 300)


def stage(job: JobDir, *inputs: str) -> tuple[Staged, PurePosixPath]:
    storage = FilesystemStorage(job.storebase)
    done = storage.plan(request(*inputs), None).stage(job, lambda text: None)
    mount = storage.mounts(job, request(*inputs))[0]
    assert (mount.target, mount.read_only) == (INCOMING, True)
    return done, mount.source


def test_it_says_what_it_is(storebase: StoreBase) -> None:
    storage = FilesystemStorage(storebase)
    told = (storage.name, storage.innetwork, storage.takes_upload)
    assert told == ("filesystem", True, False)
    assert (storage.requires_copy_job, storage.requires_upload_job) == (False, False)


def test_a_directory_is_mounted_in_place_and_its_files_counted(job: JobDir) -> None:
    assert stage(job, "home/in/") == (Staged(2, 0, ()), PurePosixPath("home/in"))
    assert not job.exists()


def test_only_the_first_input_is_mounted_and_the_others_told(job: JobDir) -> None:
    done, source = stage(job, "home/in/d", "home/in", "home/gone")
    assert source == PurePosixPath("home/in/d")
    assert [("'home/in'" in note, "'home/gone'" in note) for note in done.notes] == [(True, False), (False, True)]


def test_a_single_file_is_staged_as_that_file(job: JobDir) -> None:
    done, source = stage(job, "home/in/f")
    assert (done, source) == (Staged(1, 4, ()), job.incoming_source)
    assert [(path.name, path.read_bytes()) for path in job.incoming.iterdir()] == [("f", b"data")]


@pytest.mark.parametrize(("inputs", "note"), [((), ()), (("home/gone",), ("input 'home/gone' does not exist",))])
def test_no_input_is_an_empty_one_and_a_missing_one_is_told(
    job: JobDir, inputs: tuple[str, ...], note: tuple[str, ...]
) -> None:
    assert stage(job, *inputs) == (Staged(0, 0, note), job.incoming_source)
    assert list(job.incoming.iterdir()) == []


@pytest.mark.parametrize("name", ["link", "link/in", "home/linked"])
def test_a_symbolic_link_is_never_mounted(job: JobDir, name: str, tmp_path: Path) -> None:
    root = job.storebase.root
    (root / "link").symlink_to(root / "home")
    (root / "home/linked").symlink_to(tmp_path)
    done, source = stage(job, name)
    assert source == job.incoming_source
    assert done == Staged(0, 0, (f"input {name!r} does not exist",))


def test_a_directory_that_became_a_symbolic_link_after_staging_is_not_mounted(job: JobDir, tmp_path: Path) -> None:
    stage(job, "home/in")
    (job.storebase.root / "home/in").rename(tmp_path / "away")
    (job.storebase.root / "home/in").symlink_to("/etc")
    with pytest.raises(Refused, match="not a directory"):
        FilesystemStorage(job.storebase).mounts(job, request("home/in"))


@pytest.mark.parametrize("path", ["../x", "/etc", "key-j2/incoming", ".pfcon", "home/../../etc", "."])
def test_paths_that_lead_out_are_refused(job: JobDir, path: str) -> None:
    for inputs in ((path,), ("home/in", path)):
        with pytest.raises(Refused, match="Invalid input path"):
            FilesystemStorage(job.storebase).plan(request(*inputs), None)


def test_an_output_directory_is_required(storebase: StoreBase) -> None:
    class Without:
        input_dirs = ()
        output_dir = None

    with pytest.raises(InvalidFields) as raised:
        FilesystemStorage(storebase).plan(Without(), None)
    assert raised.value.message == {"output_dir": "field is required"}


def test_a_job_that_has_staged_inputs_is_left_as_it_is(job: JobDir) -> None:
    stage(job, "home/in/f")
    for path in ("home/in", "home/in/d/g", "home/gone"):
        with pytest.raises(OSError, match="not empty"):
            stage(job, path)
    assert os.listdir(job.incoming) == ["f"]
