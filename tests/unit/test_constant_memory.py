"""Memory does not grow with what an upload or a job's outputs hold. Each bound is far from what a list would take."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.many import FlatStorage, peak_of, write_zip
from support.zips import NO_LIMITS

from pfcon.api.transfers import _json_chunks
from pfcon.archive.contents import read_contents
from pfcon.archive.inflating import read_small
from pfcon.archive.unzip import Placing, unpack
from pfcon.archive.zip_index import ZipTree
from pfcon.archive.zip_links import expand
from pfcon.compact import KeyFlags, NameStack
from pfcon.files.removal import remove_tree
from pfcon.files.walk import FileWalk
from pfcon.links.budget import InputsBudget
from pfcon.links.expansion import Expansion
from pfcon.storage.base import ListedOutputs

MIB = 1 << 20
MANY = 60_000


def names(number: int) -> Iterator[tuple[str, bytes]]:
    return ((f"data/{n // 1000}/a-file-with-a-name-{n:07}.txt", b"") for n in range(number))


def test_a_list_of_long_paths_is_sent_piece_by_piece() -> None:
    paths = (f"{number}/{'d' * 20_000}" for number in range(4000))  # 80 MB

    def work() -> None:
        chunks = _json_chunks(ListedOutputs("out", paths))
        assert sum(len(chunk) for chunk in chunks) > 80_000_000

    assert peak_of(work) < 8 * MIB


def test_a_list_of_many_short_paths_is_sent_in_few_pieces() -> None:
    chunks = list(_json_chunks(ListedOutputs("out", (str(number) for number in range(10_000)))))
    assert len(chunks) <= 4


@pytest.mark.parametrize("backwards", [False, True])
def test_the_members_of_a_zip_are_not_held(tmp_path: Path, backwards: bool) -> None:
    members = reversed(list(names(MANY))) if backwards else names(MANY)
    size = write_zip(tmp_path / "zip", members)
    fd = os.open(tmp_path / "zip", os.O_RDONLY)

    def work() -> None:
        contents = read_contents(fd, size, NO_LIMITS)
        assert contents.nfiles == MANY
        assert sum(1 for _ in contents.members) == MANY

    assert peak_of(work) < 8 * MIB
    os.close(fd)


def test_a_zip_with_links_is_kept_on_disk(tmp_path: Path) -> None:
    size = write_zip(tmp_path / "zip", [("in.chrislink", b"data/7"), *names(MANY)])
    fd = os.open(tmp_path / "zip", os.O_RDONLY)

    def work() -> None:
        contents = read_contents(fd, size, NO_LIMITS)
        read = lambda member: read_small(fd, member)  # noqa: E731
        with ZipTree(contents.members, contents.count, read, tmp_path) as tree:
            expand(tree, NO_LIMITS, size)
            placing = tree.placing()
            assert placing.nfiles == MANY
            assert sum(1 for _, path in placing.rest if path.startswith("data_7/")) == 1000
            assert [path.name for path in tmp_path.iterdir()] == ["zip"]  # its file has no name

    assert peak_of(work) < 8 * MIB
    os.close(fd)


def test_members_in_no_order_are_unpacked(tmp_path: Path) -> None:
    """More of them than are held, in a directory that lists the last one first."""
    size = write_zip(tmp_path / "zip", ((f"{n % 7}/{n}", b"%d" % n) for n in range(17_000)))
    raw = bytearray((tmp_path / "zip").read_bytes())
    start = raw.index(b"PK\1\2")
    records = [b"PK\1\2" + record for record in raw[start:-22].split(b"PK\1\2")[1:]]
    raw[start:-22] = b"".join(reversed(records))
    (tmp_path / "zip").write_bytes(raw)
    fd = os.open(tmp_path / "zip", os.O_RDONLY)
    contents = read_contents(fd, size, NO_LIMITS)
    (tmp_path / "out").mkdir()
    rest = ((member, member.path) for member in contents.members)
    unpack(fd, Placing([], rest, contents.nfiles, contents.unpacked), tmp_path / "out", lambda text: None)
    os.close(fd)
    assert sum(1 for _ in FileWalk(tmp_path / "out")) == 17_000
    assert (tmp_path / f"out/{16_999 % 7}/16999").read_bytes() == b"16999"


@pytest.mark.parametrize("directories", [False, True])
def test_inputs_are_listed_in_constant_memory(directories: bool) -> None:
    def work() -> None:
        walk = Expansion(FlatStorage(MANY, directories=directories), InputsBudget())
        assert sum(1 for _ in walk.walk(["in"])) == MANY

    assert peak_of(work) < 5 * MIB


def test_names_wait_on_disk_and_come_back_in_order() -> None:
    wanted = [f"{number:05}" + "n" * 245 for number in range(20_000)] + ["\udcff", "ü"]  # 5 MB

    def work() -> None:
        waiting = NameStack()
        for number, name in enumerate(wanted):
            waiting.push(name)
            if number % 3 == 0:
                assert waiting.pop() == name
                waiting.push(name)
        assert all(waiting.pop() == name for name in reversed(wanted))
        with pytest.raises(IndexError):
            waiting.pop()
        waiting.close()

    assert peak_of(work) < 3 * MIB


@pytest.mark.parametrize("many", [5000, 50_000])  # few are held in another way
def test_marks_add_up(many: int) -> None:
    marks = KeyFlags()
    for number in range(many):
        assert marks.add(f"{number}", 1) == 0
        assert marks.add(f"{number}", 4) == 1
    assert {marks.of(f"{number}") for number in range(many)} == {5}
    assert [marks.of("none"), marks.count] == [0, many]


def test_a_tree_of_any_depth_is_removed_with_few_directories_at_once(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("n" * 250, dir_fd=fd)
        os.mkdir("beside", dir_fd=fd)
        below = os.open("n" * 250, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    removed = []
    assert peak_of(lambda: removed.append(remove_tree(tmp_path / ("n" * 250)))) < MIB // 2
    assert removed == [2399]
    assert [path.name for path in tmp_path.iterdir()] == ["beside"]
