"""Storage fslink: real trees copied with their links, and the faults of old that must not come back."""

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from support.copies import CHILD
from support.files import fill
from support.links import Tree
from support.links_model import DIRECTORIES, check, flat, forests, model

from pfcon.archive.limits import UploadLimits
from pfcon.errors import InvalidFields, Refused, StorageFull, TooLarge
from pfcon.links.budget import InputsBudget, Notes
from pfcon.links.expansion import Expansion
from pfcon.models import CopyRequest, JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Staged
from pfcon.storage.fslink import FslinkStorage
from pfcon.storage.posix import Directories, PosixLister
from pfcon.testing.files import tree

LIMITS = UploadLimits(0, 0, 0, 0, 0, 0)
BAD_PATHS = ["../x", "a/../../x", "/etc", "key-other/incoming", "key-j1", ".pfcon/records", "."]


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


def request(*inputs: str, output: str = "home/out") -> CopyRequest:
    return CopyRequest(JobId("j1"), tuple(map(PurePosixPath, inputs)), PurePosixPath(output), 1000, 300)


def link(root: Path, name: str, target: str) -> None:
    fill(root, name, data=target.encode())


def stage(job: JobDir, *inputs: str, output: str = "home/out") -> Staged:
    plan = FslinkStorage(job.storebase, LIMITS).plan(request(*inputs, output=output), None)
    return plan.stage(job, lambda text: None)


def test_it_says_what_it_is(storebase: StoreBase) -> None:
    storage = FslinkStorage(storebase, LIMITS)
    told = (storage.name, storage.innetwork, storage.takes_upload)
    assert told == ("fslink", True, False)
    assert (storage.requires_copy_job, storage.requires_upload_job) == (True, False)


# --- the faults of the existing server, by their numbers in the contract ---


def test_fault_1_siblings_that_share_a_prefix_are_all_staged(job: JobDir) -> None:
    root = job.storebase.root
    fill(root, "home/feed_1/a", "home/feed_10/b", "home/feed_100/c")
    for n in (1, 10, 100):
        link(root, f"in/feed_{n}.chrislink", f"home/feed_{n}")
    assert stage(job, "in", output="home/feed_1000").nfiles == 3
    assert set(tree(job.incoming)) == {"home_feed_1/a", "home_feed_10/b", "home_feed_100/c"}


def test_fault_2_a_real_folder_named_like_a_target_s_top_is_kept(job: JobDir) -> None:
    root = job.storebase.root
    fill(root, "in/home/real", "home/bob/f")
    link(root, "in/l.chrislink", "home/bob")
    stage(job, "in")
    assert set(tree(job.incoming)) == {"home/real", "home_bob/f"}


@pytest.mark.parametrize("path", BAD_PATHS)
def test_fault_3_paths_that_lead_out_are_refused_and_nothing_is_touched(job: JobDir, path: str) -> None:
    fill(job.storebase.root, "in/f")
    with pytest.raises(Refused, match="Invalid input path"):
        stage(job, "in", path)
    if path != "/etc":  # of outputs, slashes at the ends are dropped
        with pytest.raises(InvalidFields, match="output_dir: must be a path below the storage root"):
            stage(job, "in", output=path)
    assert [found.name for found in job.storebase.root.iterdir()] == ["in"]


@pytest.mark.parametrize("target", [*BAD_PATHS, "home/out", "home", "./home//out/"])
def test_fault_3_links_that_lead_out_or_to_the_outputs_are_refused(job: JobDir, target: str) -> None:
    fill(job.storebase.root, "key-other/incoming/secret", ".pfcon/records/secret", "home/out/f", "a/x")
    link(job.storebase.root, "in/l.chrislink", target)
    with pytest.raises(Refused, match="Invalid input path: "):
        stage(job, "in")
    assert not job.path.exists()


def test_fault_4_symbolic_links_are_left_out_and_told(job: JobDir, tmp_path: Path) -> None:
    root = job.storebase.root
    fill(tmp_path, "secret")
    fill(root, "in/f", "home/x/g")
    (root / "in/file").symlink_to(tmp_path / "secret")
    (root / "in/dir").symlink_to(tmp_path)
    (root / "home/way").symlink_to(tmp_path)
    link(root, "in/l.chrislink", "home/way")
    link(root, "in/m.chrislink", "home/way/secret")
    done = stage(job, "in", "home/way", "home/way/secret")
    assert tree(job.incoming) == {"f": b"data"}
    told = "\n".join(done.notes)
    for name in ("'in/file'", "'in/dir'", "'home/way'", "'home/way/secret'"):
        assert name in told


def test_fault_4_a_single_input_that_is_a_symbolic_link_does_not_exist(job: JobDir) -> None:
    job.storebase.root.joinpath("passwd").symlink_to("/etc/passwd")
    assert stage(job, "passwd") == Staged(0, 0, ("input 'passwd' does not exist",))


def test_fault_6_a_link_that_is_refused_late_leaves_nothing_that_looks_staged(job: JobDir) -> None:
    root = job.storebase.root
    fill(root, *(f"in/d{n}/f" for n in range(900)))
    link(root, "in/z/l.chrislink", "/etc")
    with pytest.raises(Refused):
        stage(job, "in")
    assert not job.incoming.exists()
    (root / "in/z/l.chrislink").unlink()
    done = stage(job, "in")
    assert done.nfiles == len(tree(job.incoming)) == 900
    assert "were reused from an earlier attempt" in done.notes[-1]
    assert [path.name for path in job.path.iterdir()] == ["incoming"]


def test_fault_10_a_single_file_is_staged_and_a_missing_input_told(job: JobDir) -> None:
    fill(job.storebase.root, "home/bob/f", "home/bob/g")
    done = stage(job, "home/bob/f", "home/gone")
    assert tree(job.incoming) == {"f": b"data"}
    assert done == Staged(1, 4, ("input 'home/gone' does not exist",))


# --- inputs ---


def test_no_inputs_give_an_empty_directory(job: JobDir) -> None:
    assert stage(job) == Staged(0, 0, ())
    assert list(job.incoming.iterdir()) == []


def test_several_inputs_merge_the_first_wins_and_the_rest_is_told(job: JobDir) -> None:
    root = job.storebase.root
    fill(root, "a/x/1", "a/2")
    fill(root, "b/x/1", "b/x/3", data=b"other")
    done = stage(job, "a/", "b")
    assert tree(job.incoming) == {"x/1": b"data", "2": b"data", "x/3": b"other"}
    assert "'b/x/1'" in done.notes[0]


def test_copies_share_nothing_with_the_originals_and_are_readable_by_all(job: JobDir) -> None:
    fill(job.storebase.root, "in/d/f")
    original = job.storebase.root / "in/d/f"
    original.chmod(0o700)
    stage(job, "in")
    copy = job.incoming / "d/f"
    assert copy.stat().st_ino != original.stat().st_ino
    assert copy.stat().st_nlink == original.stat().st_nlink == 1
    assert copy.stat().st_mtime_ns == original.stat().st_mtime_ns
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o644, 0o755)


def test_any_name_survives(job: JobDir) -> None:
    root = os.fsencode(job.storebase.root)
    names = [
        b"a b",
        b"new\nline",
        "h\u00e9 \u65e5\u672c.dcm".encode(),
        b"caf\xe9",
        b"\xff\xfe",
        b".pfcon-x",
        b"key-x",
        b"'q\"\\",
    ]
    os.mkdir(root + b"/in")
    for name in names:
        os.mkdir(root + b"/in/" + name)
        with open(root + b"/in/" + name + b"/" + name, "wb") as file:
            file.write(name)
    assert stage(job, "in").nfiles == len(names)
    staged = os.fsencode(job.incoming)
    assert sorted(os.listdir(staged)) == sorted(names)
    for name in names:
        assert Path(os.fsdecode(staged + b"/" + name + b"/" + name)).read_bytes() == name


def test_links_with_blanks_newlines_and_other_letters_are_followed(job: JobDir) -> None:
    name = "h\u00e9 b\nc/\u65e5 \u672c"
    fill(job.storebase.root, f"{name}/f")
    link(job.storebase.root, "in/l.chrislink", f"  {name}\n")
    stage(job, "in")
    assert set(tree(job.incoming)) == {f"{name.replace('/', '_')}/f"}


def test_empty_directories_and_deep_trees_are_staged(job: JobDir) -> None:
    deep = "/".join(["d" * 30] * 100)
    (job.storebase.root / "in/empty").mkdir(parents=True)
    fill(job.storebase.root, f"in/{deep}/f")
    stage(job, "in")
    assert (job.incoming / "empty").is_dir()
    assert (job.incoming / deep / "f").read_bytes() == b"data"


def test_a_tree_too_deep_to_be_staged_is_refused(job: JobDir) -> None:
    (job.storebase.root / "in").mkdir()
    here = os.open(job.storebase.root / "in", os.O_RDONLY)
    for _ in range(200):
        os.mkdir("x" * 30, dir_fd=here)
        above, here = here, os.open("x" * 30, os.O_RDONLY, dir_fd=here)
        os.close(above)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    with pytest.raises(Refused, match="too long"):
        stage(job, "in")
    assert not job.incoming.exists()


def test_links_that_multiply_without_end_hit_a_limit_of_their_own(storebase: StoreBase) -> None:
    for n in range(6):
        for k in range(9):
            link(storebase.root, f"d{n}/s{k}/l.chrislink", f"d{n + 1}")
    fill(storebase.root, "d6/f")
    for budget, match in (
        (InputsBudget(50, 10**6), "more than 50 files"),
        (InputsBudget(10**6, 50), "more than 50 dir"),
    ):
        with Directories(storebase.root) as directories, pytest.raises(TooLarge, match=match):
            list(Expansion(PosixLister(directories, Notes()), budget).walk(["d0"]))


def test_the_disk_s_reserve_applies(job: JobDir) -> None:
    fill(job.storebase.root, "in/f")
    plan = FslinkStorage(job.storebase, replace(LIMITS, free_bytes=1 << 60)).plan(request("in"), None)
    with pytest.raises(StorageFull, match="PFCON_MIN_FREE_BYTES"):
        plan.stage(job, lambda text: None)
    assert not job.incoming.exists()


def test_the_digest_follows_the_paths_in_their_normal_form(storebase: StoreBase) -> None:
    storage = FslinkStorage(storebase, LIMITS)
    digest = storage.plan(request("a", "b"), None).digest
    assert storage.plan(request("a/", "./b"), None).digest == digest
    for other in (request("b", "a"), request("a"), request("a", "b", output="home/other")):
        assert storage.plan(other, None).digest != digest


def test_progress_is_told(job: JobDir) -> None:
    fill(job.storebase.root, *(f"in/f{n}" for n in range(5000)))
    told: list[str] = []
    FslinkStorage(job.storebase, LIMITS).plan(request("in"), None).stage(job, told.append)
    for text in told:  # about one a second; a fast machine has none
        assert text.startswith("copying inputs: ")


@settings(max_examples=150)
@given(forests(), DIRECTORIES)
def test_any_real_tree_is_staged_as_the_model_says(forest: Tree, root: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        storebase = StoreBase(Path(name))
        job = storebase.job(JobId("j1"))
        files = flat(forest)
        for path, content in files.items():  # what is staged tells where it came from
            fill(storebase.root, path, data=content if path.endswith(".chrislink") else path.encode())
        if not (storebase.root / root).is_dir():
            root = "a" if (storebase.root / "a").is_dir() else sorted(forest)[0]
        done = stage(job, root)
        items = {path: source.decode() for path, source in tree(job.incoming).items()}
        assert done.nfiles == len(items)
        check(items, model(forest, root, "", (), frozenset()), "\n".join(done.notes))


MEASURED = (
    CHILD
    + """
print(*(line for line in open("/proc/self/status") if line.startswith("VmHWM")))  # maxrss is the parent's too
"""
)


@pytest.mark.slow
def test_memory_stays_small_for_50_000_files_in_one_directory(job: JobDir) -> None:
    (job.storebase.root / "in").mkdir()
    fd = os.open(job.storebase.root / "in", os.O_RDONLY)
    for n in range(50_000):
        os.close(os.open(f"study-{n:08}.dcm", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(job.storebase.root)], capture_output=True, text=True, check=True
    )
    assert len(os.listdir(job.incoming)) == 50_000
    assert int(done.stdout.split()[-2]) < 80 << 10  # KiB; 50,000 paths have 5,000, and Python 20,000
