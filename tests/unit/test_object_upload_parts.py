"""How large files are cut for a store."""

import pytest
from fakes.memory_store import md5_of

from pfcon.errors import Refused
from pfcon.storage.objects.checksums import md5_of_parts
from pfcon.storage.objects.store import Limits, Part
from pfcon.storage.objects.upload.parts import LARGE, PART_SIZE, choose_part_size, part_ranges
from pfcon.units import MIB

SWIFT = Limits(single_max=5 * 1024 * MIB + 2, part_min=1, part_max=5 * 1024 * MIB + 2, parts_max=1000)
S3 = Limits(single_max=5 * 1024 * MIB, part_min=5 * MIB, part_max=5 * 1024 * MIB, parts_max=10_000)
TIB = 1024 * 1024 * MIB


@pytest.mark.parametrize("limits", [SWIFT, S3])
def test_files_up_to_a_bound_are_sent_whole(limits: Limits) -> None:
    assert [choose_part_size(size, limits) for size in (0, 1, LARGE)] == [None] * 3
    assert choose_part_size(LARGE + 1, limits) == PART_SIZE


@pytest.mark.parametrize(
    ("limits", "largest"), [(SWIFT, 1000 * SWIFT.part_max), (S3, 10_000 * S3.part_max)], ids=["swift", "s3"]
)
def test_parts_hold_all_that_the_store_can_hold(limits: Limits, largest: int) -> None:
    for size in (LARGE + 1, 64_000 * MIB, 64_000 * MIB + 1, TIB, 4 * TIB, largest - 1, largest):
        part = choose_part_size(size, limits)
        assert part is not None
        assert limits.part_min <= part <= limits.part_max
        assert len(range(0, size, part)) <= limits.parts_max
    with pytest.raises(Refused, match="at most"):
        choose_part_size(largest + 1, limits)


def test_s3_holds_five_tebibytes() -> None:
    part = choose_part_size(5 * TIB, S3)
    assert part is not None
    assert part * 10_000 >= 5 * TIB


def test_a_store_without_large_objects_takes_what_one_request_can_send() -> None:
    limits = S3._replace(parts_max=0)
    assert choose_part_size(limits.single_max, limits) is None
    with pytest.raises(Refused, match=r"at most 5\.0 GiB"):
        choose_part_size(limits.single_max + 1, limits)


def test_ranges_cover_a_file_once() -> None:
    assert list(part_ranges(10, 4)) == [(0, 4), (4, 4), (8, 2)]
    assert list(part_ranges(8, 4)) == [(0, 4), (4, 4)]


def test_parts_combine_as_each_store_does_it() -> None:
    parts = [Part(1, md5_of(b"a")), Part(1, md5_of(b"b"))]
    assert md5_of_parts(parts, binary=True) == md5_of(bytes.fromhex(md5_of(b"a")) + bytes.fromhex(md5_of(b"b")))
    assert md5_of_parts(parts, binary=False) == md5_of((md5_of(b"a") + md5_of(b"b")).encode())
