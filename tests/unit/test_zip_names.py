"""What a member's name is: by its maker, its flags, its attributes and its extra fields."""

import stat
from pathlib import Path

import pytest
from support.zips import NO_LIMITS, RawMember, raw_zip, spooled, unicode_path, unpack_all

from pfcon.archive.contents import Contents, read_contents
from pfcon.archive.zip_stream import zip_chunks
from pfcon.testing.files import tree

FAT, UNIX, MACOS = 0, 3, 19
WINDOWS = [FAT, 6, 10, 11, 14]
OTHERS = [UNIX, MACOS, 255]
UMLAUTS = "Größe.txt"


def read(*members: RawMember) -> Contents:
    upload = spooled(raw_zip(*members))
    with upload.file:
        return read_contents(upload.file.fileno(), upload.size, NO_LIMITS)


def paths(*members: RawMember) -> list[str]:
    return [member.path + "/" * member.is_dir for member in read(*members).members]


@pytest.mark.parametrize("maker", WINDOWS)
def test_backslashes_of_makers_on_windows_separate_folders(tmp_path: Path, maker: int) -> None:
    members = [RawMember(b"d\\", b"", maker=maker), RawMember(b"d\\e\\f.txt", maker=maker)]
    assert paths(*members) == ["d/", "d/e/f.txt"]
    unpack_all(raw_zip(*members), tmp_path / "out")
    assert tree(tmp_path / "out") == {"d/e/f.txt": b"data"}


@pytest.mark.parametrize("maker", OTHERS)
def test_backslashes_of_other_makers_are_part_of_a_name(maker: int) -> None:
    assert paths(RawMember(b"d\\e.txt", maker=maker), RawMember(b"x/d\\", maker=maker)) == ["d\\e.txt", "x/d\\"]


@pytest.mark.parametrize("maker", WINDOWS)
def test_attributes_of_dos_make_a_directory_and_their_upper_half_is_no_mode(maker: int) -> None:
    link = (stat.S_IFLNK | 0o777) << 16
    members = [
        RawMember(b"d", b"", maker=maker, attributes=0x10),
        RawMember(b"f", maker=maker, attributes=0x20),
        RawMember(b"g", maker=maker, attributes=link),
    ]
    assert paths(*members) == ["d/", "f", "g"]


def test_a_mode_counts_for_all_other_makers() -> None:
    assert paths(RawMember(b"d", b"", stat.S_IFDIR | 0o755), RawMember(b"f", b"", attributes=0x10)) == ["d/", "f"]


@pytest.mark.parametrize("maker", [*WINDOWS, *OTHERS])
@pytest.mark.parametrize("name", ["T:1.nii", "T:", "a/T:1.nii", "1:2/3:4", "::"])
def test_a_colon_makes_no_name_absolute(maker: int, name: str) -> None:
    assert paths(RawMember(name.encode(), maker=maker)) == [name]


@pytest.mark.parametrize("maker", OTHERS)
def test_what_is_a_drive_on_windows_is_a_folder_elsewhere(maker: int) -> None:
    assert paths(RawMember(b"C:/x", maker=maker)) == ["C:/x"]


@pytest.mark.parametrize("maker", [*WINDOWS, *OTHERS])
def test_names_that_are_not_utf_8_are_code_page_437_with_a_note(maker: int) -> None:
    found = read(
        RawMember(UMLAUTS.encode("cp437"), flags=0, maker=maker), RawMember("é".encode("cp437"), flags=0, maker=maker)
    )
    assert [member.path for member in found.members] == [UMLAUTS, "é"]
    assert found.notes == ("names that are not marked as UTF-8 were read as code page 437: 'Größe.txt' and 1 more",)


@pytest.mark.parametrize(("maker", "notes"), [(FAT, 1), (11, 1), (UNIX, 0), (MACOS, 0)])
def test_names_that_are_utf_8_without_a_mark_are_read_as_that(maker: int, notes: int) -> None:
    """As macOS, zip in the C locale and Java 6 write them."""
    found = read(RawMember(UMLAUTS.encode(), flags=0, maker=maker))
    assert [member.path for member in found.members] == [UMLAUTS]
    assert len(found.notes) == notes
    assert all("were read as UTF-8: 'Größe.txt'" in note for note in found.notes)


def test_ascii_names_need_no_note() -> None:
    assert read(*(RawMember(b"a%d" % maker, flags=0, maker=maker) for maker in WINDOWS)).notes == ()


@pytest.mark.parametrize("maker", [FAT, UNIX])
def test_a_unicode_path_that_was_made_for_the_name_is_the_name(maker: int) -> None:
    other = b"UT\5\0\3abcd"
    member = RawMember(b"Gr__e.txt", flags=0, maker=maker, extra=other + unicode_path(b"Gr__e.txt", UMLAUTS))
    found = read(member)
    assert [member.path for member in found.members] == [UMLAUTS]
    assert found.notes == ()


STALE = {
    "made for another name": unicode_path(b"other", UMLAUTS),
    "of another version": unicode_path(b"a.txt", UMLAUTS, version=2),
    "cut off": b"\x75\x70\x03\x00\x01ab",
    "empty": unicode_path(b"a.txt", ""),
    "only in the bytes of another field": b"\x09\x09\x02\x00\x75\x70",
}


@pytest.mark.parametrize("extra", STALE.values(), ids=STALE)
def test_any_other_unicode_path_is_none(extra: bytes) -> None:
    assert paths(RawMember(b"a.txt", flags=0, extra=extra)) == ["a.txt"]


def test_a_unicode_path_may_have_backslashes_and_be_the_same_as_a_marked_name() -> None:
    assert paths(RawMember(b"d_e", flags=0, maker=FAT, extra=unicode_path(b"d_e", "d\\e"))) == ["d/e"]
    name = UMLAUTS.encode()
    assert paths(RawMember(name, extra=unicode_path(name, UMLAUTS))) == [UMLAUTS]  # as jszip writes it


def test_a_file_without_a_name_may_have_extra_fields() -> None:
    assert paths(RawMember(b"", flags=0, extra=b"UT\5\0\3abcd")) == ["unnamed"]


def test_code_page_437_counts_in_the_length_of_a_name() -> None:
    assert paths(RawMember(b"\x94" * 127, flags=0)) == ["ö" * 127]
    with pytest.raises(Exception, match="more than 255 bytes between slashes"):
        read(RawMember(b"\x94" * 128, flags=0))


def test_what_pfcon_makes_it_takes(tmp_path: Path) -> None:
    """Any name that a job may give a file."""
    files = {
        name: name.encode()
        for name in ("T:1.nii", "C:/x", "a\\b", "d/c\\", "ü/名.txt", "-", "~", " ", "x\n", "..a", "_.")
    }
    for name, content in files.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).write_bytes(content)
    assert unpack_all(b"".join(zip_chunks(tmp_path / "made")), tmp_path / "out") == ()
    assert tree(tmp_path / "out") == files
