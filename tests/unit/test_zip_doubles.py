"""Members that are listed more than once."""

from pathlib import Path

import pytest
from support.many import peak_of, write_zip
from support.zips import MIB, NO_LIMITS, RawMember, raw_zip, spooled, unpack_all

from pfcon.archive.contents import Contents, read_contents
from pfcon.errors import InvalidFields
from pfcon.testing.files import tree


def read(content: bytes) -> Contents:
    upload = spooled(content)
    with upload.file:
        return read_contents(upload.file.fileno(), upload.size, NO_LIMITS)


HARMLESS = [RawMember(b"d/", b""), RawMember(b"d/f"), RawMember(b"d//", b""), RawMember(b"./d/f", method=0)]


def test_the_same_again_is_harmless_and_counts_once(tmp_path: Path) -> None:
    found = read(raw_zip(*HARMLESS))
    assert [member.path for member in found.members] == ["d", "d/f"]
    assert (found.nfiles, found.count, found.unpacked) == (1, 2, 4)
    assert found.digest == read(raw_zip(*HARMLESS[:2])).digest
    unpack_all(raw_zip(*HARMLESS), tmp_path / "out")
    assert tree(tmp_path / "out") == {"d/f": b"data"}


def test_a_record_that_is_there_twice_is_harmless(tmp_path: Path) -> None:
    """Two records of one place: the data are unpacked once, so this is no bomb."""
    unpack_all(raw_zip(RawMember(b"a"), RawMember(b"a", offset=0)), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"data"}


@pytest.mark.parametrize(
    "second",
    [RawMember(b"f", b"DATA"), RawMember(b"f", b"data", crc=7), RawMember(b"f", size=5)],
    ids=["content", "CRC-32", "size"],
)
def test_another_file_of_the_same_name_is_refused_by_name(second: RawMember) -> None:
    with pytest.raises(InvalidFields, match=r"zip member 'f' occurs twice with different contents; pack"):
        read(raw_zip(RawMember(b"f"), RawMember(b"f"), second))


@pytest.mark.parametrize("backwards", [False, True])
def test_many_doubles_take_little_memory(tmp_path: Path, backwards: bool) -> None:
    """More characters of names than are kept."""
    names = [f"{'d' * 200}/{number % 11_000}" for number in range(22_000)]
    size = write_zip(tmp_path / "zip", ((name, b"") for name in (reversed(names) if backwards else names)))

    def work() -> None:
        with (tmp_path / "zip").open("rb") as file:
            found = read_contents(file.fileno(), size, NO_LIMITS)
            assert found.nfiles == 11_000
            assert len({member.path for member in found.members}) == sum(1 for _ in found.members) == 11_000

    assert peak_of(work) < 16 * MIB
