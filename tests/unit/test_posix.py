"""The storage root as links see it: nothing is reached through a symbolic link, whatever users swap meanwhile."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from support.files import fill

from pfcon.archive.limits import UploadLimits
from pfcon.errors import Absent, Refused
from pfcon.links import Entry
from pfcon.links.budget import Notes
from pfcon.models import CopyRequest, JobId
from pfcon.paths import StoreBase
from pfcon.storage.fslink import FslinkStorage
from pfcon.storage.posix import Directories, PosixLister, storage_path

LIMITS = UploadLimits(0, 0, 0, 0, 0, 0)
SECRET = b"the secret of another tenant"


@pytest.fixture
def root(storebase: StoreBase) -> Path:
    return storebase.root


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def lister(root: Path, notes: Notes) -> Iterator[PosixLister]:
    with Directories(root) as directories:
        yield PosixLister(directories, notes)


def test_files_and_directories_are_what_there_is(root: Path, lister: PosixLister, notes: Notes) -> None:
    fill(root, "in/a", "in/d/b")
    os.mkfifo(root / "in/fifo")
    (root / "in/link").symlink_to("a")
    (root / "in/out").symlink_to("/etc")
    assert sorted(lister.children("in")) == [Entry("a", False), Entry("d", True)]
    assert (lister.entry("in/a"), lister.entry("in/d")) == (Entry("a", False), Entry("d", True))
    for path in ("in/link", "in/out", "in/out/passwd", "in/fifo", "in/a/b", "gone", "in/" + "x" * 300):
        assert lister.entry(path) is None
    told = "\n".join(notes.lines())
    assert "'in/link': it is a symbolic link" in told
    assert "'in/fifo': it is a special file" in told


@pytest.mark.parametrize(
    "path",
    ["key-j2/incoming/f", "key-j2", ".pfcon", ".pfcon/spool", "./key-j2", "KEY-j2", ".PFCON/x", "a/../b", "/etc"],
)
def test_what_pfcon_keeps_is_no_storage_path(path: str) -> None:
    with pytest.raises(Refused, match=f"Invalid input path: {path}"):
        storage_path(path)


@pytest.mark.parametrize("path", [".pfcon2/x", "home/key-j2", "home/.pfcon", "keys", "key"])
def test_names_that_only_look_like_pfcon_s_are_storage_paths(path: str) -> None:
    assert storage_path(path) == path


def test_a_tree_deeper_than_descriptors_and_paths_allow_is_opened(root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("a-directory", dir_fd=here)
        above, here = here, os.open("a-directory", os.O_RDONLY, dir_fd=here)
        os.close(above)
    wanted = os.fstat(here).st_ino
    os.close(here)
    before = set(os.listdir("/proc/self/fd"))
    with Directories(root) as directories:
        assert os.fstat(directories.open("/".join(["a-directory"] * 500))).st_ino == wanted
        assert len(set(os.listdir("/proc/self/fd")) - before) < 40
        assert os.fstat(directories.open("a-directory")).st_ino == (root / "a-directory").stat().st_ino
        assert os.fstat(directories.open("")).st_ino == root.stat().st_ino
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_directory_that_vanishes_while_it_is_listed_is_told(lister: PosixLister, notes: Notes) -> None:
    assert list(lister.children("gone")) == []
    assert "'gone'" in notes.lines()[0]


def test_a_link_that_vanishes_or_becomes_a_symbolic_link_is_refused(root: Path, lister: PosixLister) -> None:
    fill(root, "in/f")
    (root / "in/l.chrislink").symlink_to("/etc/passwd")
    for path in ("in/l.chrislink", "in/gone.chrislink"):
        with pytest.raises(Refused, match="was deleted while"):
            lister.link_text(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_what_may_not_be_read_is_refused_by_its_name(root: Path) -> None:
    fill(root, "in/closed/f")
    (root / "in/closed").chmod(0o700)
    told = []

    def look() -> None:
        with Directories(root) as directories, pytest.raises(Refused, match="can't read 'in/closed'") as raised:
            list(PosixLister(directories, Notes()).children("in/closed"))
        told.append(raised)

    as_nobody(look)
    assert told


def as_nobody(act: Callable[[], None]) -> None:
    os.seteuid(65534)
    try:
        act()
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def swapping(place: Path, decoy: Path) -> Iterator[None]:
    """Replace a file or directory by a symbolic link, and back, all the time."""
    stop = threading.Event()
    aside = place.with_name(place.name + "-aside")

    def swap() -> None:
        while not stop.is_set():
            place.rename(aside)
            place.symlink_to(decoy)
            place.unlink()
            aside.rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def decoy(tmp_path: Path) -> Path:
    for n in range(40):
        fill(tmp_path / "decoy", f"f{n}", "forged.chrislink", data=SECRET)
    return tmp_path / "decoy"


@pytest.mark.parametrize("swapped", ["in", "in/d", "in/d/f1"])
def test_swapping_inputs_for_symbolic_links_gains_nothing(storebase: StoreBase, decoy: Path, swapped: str) -> None:
    fill(storebase.root, *(f"in/d/f{n}" for n in range(40)))
    storage = FslinkStorage(storebase, LIMITS)
    seen = set()
    with swapping(storebase.root / swapped, decoy / "f1" if swapped.endswith("f1") else decoy):
        for n in range(60):
            job = storebase.job(JobId(f"j{n}"))
            request = CopyRequest(job.jid, (PurePosixPath("in"),), PurePosixPath("out"), 1000, 300)
            storage.plan(request, None).stage(job, lambda text: None)
            seen |= {path.read_bytes() for path in job.incoming.rglob("*") if path.is_file()}
            assert not [path for path in job.incoming.rglob("*") if path.is_symlink()]
    assert seen <= {b"data"}


def test_swapping_outputs_for_symbolic_links_gains_nothing(storebase: StoreBase, decoy: Path) -> None:
    fill(storebase.root, "out/d/real", "out/d/forged.chrislink")
    storage, job = FslinkStorage(storebase, LIMITS), storebase.job(JobId("j1"))
    listed: set[str] = set()
    with swapping(storebase.root / "out/d", decoy):
        for _ in range(300):
            listed.update(storage.outputs(job, "out").paths)
            storage.seal_outputs(job, PurePosixPath("out"))
            with contextlib.suppress(Absent):
                listed.update(f"d/{path}" for path in storage.outputs(job, "out/d").paths)
    assert listed <= {"d/real", "d-aside/real"}
    assert (decoy / "forged.chrislink").exists()
    assert not (storebase.root / "out/d/forged.chrislink").exists()
