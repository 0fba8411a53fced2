"""Uploads: the limits on their bytes, files and ratio."""

import struct
from dataclasses import replace

import pytest
from support.zips import MIB, NO_LIMITS, RawMember, good_zip, raw_zip, spooled

from pfcon.archive.contents import Contents, read_contents
from pfcon.archive.limits import UploadLimits
from pfcon.errors import InvalidFields, TooLarge


def read(content: bytes, limits: UploadLimits) -> Contents:
    upload = spooled(content)
    with upload.file:
        return read_contents(upload.file.fileno(), upload.size, limits)


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (replace(NO_LIMITS, upload_bytes=100), "PFCON_MAX_UPLOAD_BYTES"),
        (replace(NO_LIMITS, unpacked_bytes=999), "PFCON_MAX_UNPACKED_BYTES"),
        (replace(NO_LIMITS, files=1), "PFCON_MAX_FILES"),
    ],
)
def test_a_limit_is_told_with_its_setting(limits: UploadLimits, setting: str) -> None:
    content = good_zip({"a": b"x" * 500, "b": b"y" * 500})
    with pytest.raises(TooLarge, match=setting):
        read(content, limits)


def test_inputs_just_at_the_limits_are_accepted() -> None:
    content = good_zip({"a": b"x" * 500, "b": b"y" * 500})
    limits = replace(NO_LIMITS, upload_bytes=len(content), unpacked_bytes=1000, files=2, ratio=1)
    assert read(content, limits).unpacked == 1000


@pytest.mark.parametrize(("mebibytes", "refused"), [(256, False), (257, True)])
def test_the_ratio_is_limited_above_256_mib_alone(mebibytes: int, refused: bool) -> None:
    content = raw_zip(RawMember(b"mask", bytes(99), size=mebibytes * MIB))
    if refused:
        with pytest.raises(TooLarge, match="PFCON_MAX_RATIO"):
            read(content, replace(NO_LIMITS, ratio=100))
    else:
        assert read(content, replace(NO_LIMITS, ratio=100)).unpacked == mebibytes * MIB


@pytest.mark.parametrize(("files", "refused"), [(7, False), (6, True)])
def test_directories_count_as_files_do_each_of_them_once(files: int, refused: bool) -> None:
    content = good_zip({"d/": b"", "d/e/a": b"", "d/e/b": b"", "d/f/g/": b"", "x": b""})  # d, d/e, d/f and d/f/g
    if refused:
        with pytest.raises(TooLarge, match=r"'x'.* at least 7, the limit is 6 \(PFCON_MAX_FILES\)"):
            read(content, replace(NO_LIMITS, files=files))
    else:
        assert read(content, replace(NO_LIMITS, files=files)).count == 7


def test_a_member_that_is_far_down_is_refused_with_a_short_name() -> None:
    read(raw_zip(RawMember(b"d/" * 255 + b"f")), NO_LIMITS)
    with pytest.raises(InvalidFields, match=r"zip member 'd/d/.*…' .* more than 256 parts") as raised:
        read(raw_zip(RawMember(b"d/" * 256 + b"f")), NO_LIMITS)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("lie", [{"size": 0xFFFFFFFF}, {"packed": 0xFFFFFFFF}, {"offset": 0xFFFFFFFF}])
def test_sizes_and_places_that_no_file_has_are_refused(lie: dict[str, int]) -> None:
    extra = struct.pack("<HHQ", 1, 8, 2**64 - 1)
    with pytest.raises(InvalidFields, match="Bad zip file"):
        read(raw_zip(RawMember(b"a", extra=extra, **lie)), NO_LIMITS)  # type: ignore[arg-type]
