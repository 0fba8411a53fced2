"""Uploads: the limits on their bytes, files and ratio."""

from dataclasses import replace

import pytest
from support.zips import MIB, NO_LIMITS, RawMember, good_zip, raw_zip, spooled

from pfcon.archive.contents import Contents, read_contents
from pfcon.errors import TooLarge
from pfcon.settings.model import UploadLimits


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
