"""Walking and removing trees that a hostile job made, or goes on changing."""

import os
import resource
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pfcon.errors import Absent
from pfcon.files.descent import UnreadableTreeError
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.files.walk import FileWalk, open_directory, open_regular

NOBODY = 65534


def files_of(root: Path, below: str = "") -> list[str]:
    with FileWalk(root, below) as walk:
        return sorted(found.path for found in walk)


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def dig(root: Path, depth: int) -> None:
    """Make a tree that is deeper than any path may be long, with a file at its bottom."""
    fd = os.open(root, os.O_RDONLY)
    for level in range(depth):
        os.mkdir("a-directory", dir_fd=fd)
        above, fd = fd, os.open("a-directory", os.O_RDONLY, dir_fd=fd)
        os.close(above)
        if level % 500 == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)


@contextmanager
def no_descriptor_is_lost() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) <= before


def test_only_regular_files_are_found(tmp_path: Path) -> None:
    make(tmp_path, "a", "d/b", "d/e/c", "d/home.chrislink", ".hidden", "x.chrislink/inside")
    (tmp_path / "d/empty").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    os.mkfifo(tmp_path / "fifo")
    assert files_of(tmp_path) == [".hidden", "a", "d/b", "d/e/c", "x.chrislink/inside"]


def test_a_file_is_opened_relative_to_its_directory(tmp_path: Path) -> None:
    make(tmp_path, "d/b")
    with FileWalk(tmp_path) as walk:
        found = next(walk)
        fd = open_regular(found.dir_fd, found.name)
        assert fd is not None
        assert os.read(fd, 9) == b"d/b"
        os.close(fd)


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9"
    os.close(os.open(raw, os.O_CREAT))
    assert [os.fsencode(name) for name in files_of(tmp_path)] == [b"caf\xe9"]


def test_a_directory_below_the_root_is_walked_relative_to_itself(tmp_path: Path) -> None:
    make(tmp_path, "d/e/f/g", "other")
    assert files_of(tmp_path, "d/e") == ["f/g"]


@pytest.mark.parametrize("below", ["absent", "file", "file/x", "link", "link/x", "d/..", "../x", "/etc"])
def test_what_is_no_directory_of_the_tree_is_absent(tmp_path: Path, below: str) -> None:
    make(tmp_path, "root/file", "root/d/f", "x/x")
    (tmp_path / "root/link").symlink_to(tmp_path / "x")
    with no_descriptor_is_lost(), pytest.raises(Absent):
        open_directory(tmp_path / "root", below)


def test_a_root_that_is_a_link_is_absent(tmp_path: Path) -> None:
    (tmp_path / "outgoing").symlink_to("/etc")
    with pytest.raises(Absent):
        FileWalk(tmp_path / "outgoing")


def test_a_directory_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    make(tmp_path, "root/first", "root/d/inner", "secret/key")
    with FileWalk(tmp_path / "root") as walk:
        assert next(walk).path == "first"
        (tmp_path / "root/d").rename(tmp_path / "root/gone")
        (tmp_path / "root/d").symlink_to(tmp_path / "secret")
        assert "d/key" not in [found.path for found in walk]


def test_a_file_swapped_for_something_else_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    fd = os.open(tmp_path, os.O_RDONLY)
    assert [open_regular(fd, name) for name in ("link", "fifo", "directory", "absent")] == [None] * 4
    os.close(fd)


def test_a_tree_deeper_than_paths_and_descriptors_go_is_walked_and_removed(tmp_path: Path) -> None:
    depth = 1500
    dig(tmp_path, depth)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(fd) for fd in os.listdir("/proc/self/fd"))  # the rest of the suite has some open
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100, before[1]))
    try:
        with no_descriptor_is_lost():
            found = files_of(tmp_path)
            assert len(found) == 4
            assert found[-1] == "a-directory/" * 1500 + "bottom" or "a-directory/" * 1500 + "bottom" in found
            assert remove_tree(tmp_path / "a-directory") == depth + 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_that_is_too_deep_to_be_listed_does_not_pass_as_complete(tmp_path: Path) -> None:
    dig(tmp_path, 30)
    with FileWalk(tmp_path, deepest=30) as walk:
        assert len(list(walk)) == 2
    with (
        FileWalk(tmp_path, deepest=29) as walk,
        pytest.raises(UnreadableTreeError, match=r"'a-directory/.*…' is more than 29 directories deep"),
    ):
        list(walk)


def test_a_deep_directory_that_is_moved_away_ends_the_walk(tmp_path: Path) -> None:
    dig(tmp_path, 80)
    deep = tmp_path / "root"
    (tmp_path / "a-directory").rename(deep)
    with FileWalk(deep) as walk:
        assert next(found for found in walk if found.name == "bottom")
        os.rename(deep / ("a-directory/" * 60), tmp_path / "elsewhere")
        with pytest.raises(UnreadableTreeError, match="moved"):
            list(walk)


def test_a_flat_directory_is_walked_in_constant_memory(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for number in range(5_000):
        os.close(os.open(f"a-file-with-a-name-{number}", os.O_CREAT, dir_fd=fd))
    os.close(fd)
    tracemalloc.start()
    with FileWalk(tmp_path) as walk:
        assert sum(1 for _ in walk) == 5_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_all_descriptors_are_given_back_however_a_walk_ends(tmp_path: Path) -> None:
    make(tmp_path, *(f"d{i}/e/f" for i in range(5)))
    with no_descriptor_is_lost():
        FileWalk(tmp_path).close()
        walk = FileWalk(tmp_path)
        next(walk)
        walk.close()
        walk.close()
        dropped = FileWalk(tmp_path)
        next(dropped)
        del dropped


def test_removing_counts_files_and_directories(tmp_path: Path) -> None:
    make(tmp_path, "t/a", "t/d/b", "t/d/e/c")
    (tmp_path / "t/link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "t/fifo")
    assert remove_tree(tmp_path / "t") == 8
    assert list(tmp_path.iterdir()) == []


def test_removing_what_is_not_there_removes_nothing(tmp_path: Path) -> None:
    assert remove_tree(tmp_path / "absent") == 0
    assert remove_tree(tmp_path / "absent/deeper") == 0


def test_removing_takes_links_away_and_leaves_what_they_name(tmp_path: Path) -> None:
    make(tmp_path, "kept/file")
    (tmp_path / "t").mkdir()
    (tmp_path / "t/link").symlink_to(tmp_path / "kept")
    (tmp_path / "top").symlink_to(tmp_path / "kept")
    assert remove_tree(tmp_path / "t") == 2
    assert remove_tree(tmp_path / "top") == 1
    assert files_of(tmp_path) == ["kept/file"]


def test_a_single_file_is_removed(tmp_path: Path) -> None:
    make(tmp_path, "file")
    assert remove_tree(tmp_path / "file") == 1


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user that rights matter for."""
    if os.geteuid():
        pytest.skip("only root can become another user")
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def nobodys(storebase: object) -> Path:
    """A directory that nobody owns and can reach."""
    root: Path = storebase.root / "nobodys"  # type: ignore[attr-defined]
    root.mkdir()
    os.chown(root, NOBODY, NOBODY)
    return root


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o300, 0o500])
def test_directories_that_a_job_closed_are_removed_all_the_same(nobodys: Path, mode: int) -> None:
    with as_nobody():
        make(nobodys, "t/closed/in/file")
        (nobodys / "t/closed/in").chmod(0o500)
        (nobodys / "t/closed").chmod(mode)
        assert remove_tree(nobodys / "t") == 4
    assert list(nobodys.iterdir()) == []


def test_what_can_not_be_removed_is_named_and_the_rest_is_gone(nobodys: Path) -> None:
    with as_nobody():
        make(nobodys, "t/mine/file")
    make(nobodys, "t/roots/file")
    with as_nobody(), pytest.raises(NotRemovedError) as raised:
        remove_tree(nobodys / "t")
    assert (raised.value.removed, raised.value.failed) == (2, 3)
    assert "t/roots/file: Permission denied" in raised.value.failures
    assert files_of(nobodys) == ["t/roots/file"]


def test_a_directory_that_can_not_be_read_is_not_passed_over(nobodys: Path) -> None:
    make(nobodys, "t/roots/file")
    (nobodys / "t/roots").chmod(0o700)
    with as_nobody(), pytest.raises(UnreadableTreeError, match="'roots': Permission denied"):
        files_of(nobodys / "t")


def test_failures_are_told_with_the_exception() -> None:
    error = NotRemovedError(3, 1, ["a/b: Permission denied"])
    assert str(error) == "could not remove 1 of 4 files and directories: a/b: Permission denied"
