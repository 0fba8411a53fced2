"""Outputs in the users' tree: the directory made for a job, what is listed of it, and links that no job may author."""

import json
import os
import stat
from pathlib import Path, PurePosixPath

import pytest
from support.users import AS_ROOT, as_user

from pfcon.errors import Absent, InvalidFields, PfconError, Refused
from pfcon.files.removal import NotRemovedError
from pfcon.files.unreadable import OutputSurvey
from pfcon.models import OUTGOING, CopyRequest, JobId, User
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import ListedOutputs
from pfcon.storage.filesystem import FilesystemStorage

OUT = "home/bob/feeds/feed_1/pl_1/data"


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


@pytest.fixture
def storage(storebase: StoreBase) -> FilesystemStorage:
    return FilesystemStorage(storebase)


def request(output: str = OUT) -> CopyRequest:
    return CopyRequest(JobId("j1"), (), PurePosixPath(output), 1000, 300)


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


# --- making them ---


@AS_ROOT
def test_a_new_directory_is_given_to_the_job_s_user(storage: FilesystemStorage, job: JobDir) -> None:
    before = os.umask(0o077)
    try:
        storage.make_outputs(job, request(), User(4321, 1234))
    finally:
        os.umask(before)
    place = job.storebase.root / OUT
    assert owner_and_mode(place) == (4321, 1234, 0o755)
    assert owner_and_mode(place.parent) == (0, 0, 0o755)
    storage.make_outputs(job, request(), User(4321, 1234))
    assert owner_and_mode(place) == (4321, 1234, 0o755)


@AS_ROOT
@pytest.mark.parametrize("user", [None, User(), User(4321, 1234)])
def test_cube_s_directory_stays_cube_s_and_is_opened_to_the_job(
    storage: FilesystemStorage, job: JobDir, user: User | None
) -> None:
    place = job.storebase.root / OUT
    place.mkdir(parents=True)
    os.chown(place, 1001, 1001)
    place.chmod(0o2755)
    storage.make_outputs(job, request(), user)
    assert owner_and_mode(place) == (1001, 1001, 0o2777)


@AS_ROOT
def test_a_directory_of_the_job_s_user_is_left_as_it_is(storage: FilesystemStorage, job: JobDir) -> None:
    place = job.storebase.root / OUT
    place.mkdir(parents=True)
    os.chown(place, 1001, 1001)
    storage.make_outputs(job, request(), User(1001))
    assert owner_and_mode(place) == (1001, 1001, 0o755)


@AS_ROOT
def test_without_root_s_rights_another_s_directory_is_left_and_an_own_one_opened(
    storage: FilesystemStorage, job: JobDir
) -> None:
    place = job.storebase.root / OUT
    place.mkdir(parents=True)
    os.chown(place, 1001, 1001)
    os.chown(place.parent, 65534, 65534)

    def make() -> None:
        storage.make_outputs(job, request(), User(4321))
        storage.make_outputs(job, request(f"{PurePosixPath(OUT).parent}/own"), User(4321))

    as_user(65534, make)
    assert owner_and_mode(place) == (1001, 1001, 0o755)
    assert stat.S_IMODE((place.parent / "own").stat().st_mode) == 0o777


def test_outputs_do_not_need_the_job_s_own_directory(storage: FilesystemStorage, job: JobDir) -> None:
    storage.make_outputs(job, request(), None)
    assert not job.exists()


@pytest.mark.parametrize("name", ["file", "file/x", "link", "link/x", "dangling", "dangling/x"])
def test_a_file_or_symbolic_link_in_the_way_is_refused(
    storage: FilesystemStorage, job: JobDir, tmp_path: Path, name: str
) -> None:
    root = job.storebase.root
    (root / "file").touch()
    (root / "link").symlink_to(tmp_path)
    (root / "dangling").symlink_to(tmp_path / "made")
    with pytest.raises(Refused, match="is not a directory"):
        storage.make_outputs(job, request(name), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["key-j2/outgoing", ".pfcon/records", "../x", ".", "KEY-j2"])
def test_outputs_never_go_where_pfcon_keeps_its_own(storage: FilesystemStorage, job: JobDir, name: str) -> None:
    with pytest.raises(InvalidFields, match="output_dir"):
        storage.make_outputs(job, request(name), None)
    with pytest.raises(InvalidFields, match="job_output_path"):
        storage.outputs(job, name)
    assert list(job.storebase.root.iterdir()) == []


def test_a_directory_that_became_a_symbolic_link_is_not_mounted(
    storage: FilesystemStorage, job: JobDir, tmp_path: Path
) -> None:
    storage.make_outputs(job, request(), None)
    assert storage.mounts(job, request())[1].source == PurePosixPath(OUT)
    assert storage.mounts(job, request())[1].target == OUTGOING
    (job.storebase.root / OUT).rmdir()
    (job.storebase.root / OUT).symlink_to(tmp_path)
    with pytest.raises(Refused, match="not a directory"):
        storage.mounts(job, request())


# --- listing them ---


def listed(storage: FilesystemStorage, job: JobDir, path: str) -> list[str]:
    found = storage.outputs(job, path)
    assert isinstance(found, ListedOutputs)
    assert found.job_output_path == path
    return sorted(found.paths)


@pytest.mark.parametrize("path", ["out/b+c d", "/out/b+c d", "out/b+c d/", "out//b+c d"])
def test_the_path_comes_back_as_it_was_sent(storage: FilesystemStorage, job: JobDir, path: str) -> None:
    place = job.storebase.root / "out/b+c d"
    (place / "sub").mkdir(parents=True)
    (place / "sub/f").touch()
    assert listed(storage, job, path) == ["sub/f"]


def test_a_path_is_required(storage: FilesystemStorage, job: JobDir) -> None:
    with pytest.raises(InvalidFields) as raised:
        storage.outputs(job, None)
    assert raised.value.message == {"job_output_path": "field is required"}


@pytest.mark.parametrize("path", ["gone", "out/f", "out/f/x", "link", "link/out"])
def test_what_is_no_directory_is_absent(storage: FilesystemStorage, job: JobDir, path: str) -> None:
    root = job.storebase.root
    (root / "out").mkdir()
    (root / "out/f").touch()
    (root / "link").symlink_to(root)
    with pytest.raises(Absent):
        storage.outputs(job, path)


def test_names_that_are_not_utf8_become_text_that_any_json_reader_takes(
    storage: FilesystemStorage, job: JobDir
) -> None:
    raw = os.fsencode(job.storebase.root) + b"/out"
    os.mkdir(raw)
    for name in (b"caf\xe9", "caf\u00e9".encode(), b"a\nb"):
        os.close(os.open(raw + b"/" + name, os.O_CREAT))
    found = listed(storage, job, "out")
    assert found == sorted(["caf\\xe9", "caf\u00e9", "a\nb"])
    assert json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8")) == found


def test_a_listing_that_nobody_reads_gives_its_descriptors_back(storage: FilesystemStorage, job: JobDir) -> None:
    (job.storebase.root / "out/d").mkdir(parents=True)
    (job.storebase.root / "out/f").touch()
    before = set(os.listdir("/proc/self/fd"))
    storage.outputs(job, "out")
    next(iter(storage.outputs(job, "out").paths))
    assert set(os.listdir("/proc/self/fd")) <= before


# --- sealing them ---


def test_links_that_a_job_wrote_are_removed_and_nothing_else(
    storage: FilesystemStorage, job: JobDir, tmp_path: Path
) -> None:
    place = job.storebase.root / "out"
    (place / "d/x.chrislink").mkdir(parents=True)
    for path in ("a.chrislink", "d/b.chrislink", "d/x.chrislink/c.chrislink", "d/x.chrislink/f", "keep"):
        (place / path).touch()
    (tmp_path / "precious.chrislink").touch()
    (place / "e.chrislink").symlink_to(tmp_path / "precious.chrislink")
    (place / "away").symlink_to(tmp_path)
    storage.seal_outputs(job, PurePosixPath("out"))
    left = sorted(str(path.relative_to(place)) for path in place.rglob("*"))
    assert left == ["away", "d", "d/x.chrislink", "d/x.chrislink/f", "keep"]
    assert (tmp_path / "precious.chrislink").exists()
    storage.seal_outputs(job, PurePosixPath("out"))
    storage.seal_outputs(job, PurePosixPath("gone"))


@AS_ROOT
def test_links_that_stay_are_told(storage: FilesystemStorage, job: JobDir) -> None:
    place = job.storebase.root / "out"
    (place / "d").mkdir(parents=True)
    (place / "d/a.chrislink").touch()
    (place / "b.chrislink").touch()
    place.chmod(0o777)

    def seal() -> None:
        with pytest.raises(NotRemovedError, match=r"d/a.chrislink: Permission denied") as raised:
            storage.seal_outputs(job, PurePosixPath("out"))
        assert raised.value.removed == 1

    as_user(65534, seal)
    assert not (place / "b.chrislink").exists()


@AS_ROOT
def test_a_list_needs_directories_alone(storage: FilesystemStorage, job: JobDir) -> None:
    place = job.storebase.root / "out"
    (place / "closed").mkdir(parents=True)
    (place / "secret").touch(0o600)
    (place / "closed").chmod(0o700)
    survey = OutputSurvey()
    found: list[int] = []

    def look() -> None:
        with pytest.raises(PfconError, match="closed"):
            storage.seal_outputs(job, PurePosixPath("out"), survey)
        found.extend(storage.find_unreadable(job, "/out/", files=files).count for files in (True, False))

    as_user(65534, look)
    assert (survey.unreadable.count, found) == (2, [2, 1])
