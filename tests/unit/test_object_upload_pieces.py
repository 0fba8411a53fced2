"""How large files are cut for a store."""

import pytest
from fakes.memory_store import md5_of

from pfcon.errors import Refused
from pfcon.storage.objects.pieces import LARGE, PIECE, combined, piece_size, ranges
from pfcon.storage.objects.store import Limits, Piece
from pfcon.units import MIB

SWIFT = Limits(single_max=5 * 1024 * MIB + 2, piece_min=1, piece_max=5 * 1024 * MIB + 2, pieces_max=1000)
S3 = Limits(single_max=5 * 1024 * MIB, piece_min=5 * MIB, piece_max=5 * 1024 * MIB, pieces_max=10_000)
TIB = 1024 * 1024 * MIB


@pytest.mark.parametrize("limits", [SWIFT, S3])
def test_files_up_to_a_bound_are_sent_whole(limits: Limits) -> None:
    assert [piece_size(size, limits) for size in (0, 1, LARGE)] == [None] * 3
    assert piece_size(LARGE + 1, limits) == PIECE


@pytest.mark.parametrize(
    ("limits", "largest"), [(SWIFT, 1000 * SWIFT.piece_max), (S3, 10_000 * S3.piece_max)], ids=["swift", "s3"]
)
def test_pieces_hold_all_that_the_store_can_hold(limits: Limits, largest: int) -> None:
    for size in (LARGE + 1, 64_000 * MIB, 64_000 * MIB + 1, TIB, 4 * TIB, largest - 1, largest):
        piece = piece_size(size, limits)
        assert piece is not None
        assert limits.piece_min <= piece <= limits.piece_max
        assert len(range(0, size, piece)) <= limits.pieces_max
    with pytest.raises(Refused, match="at most"):
        piece_size(largest + 1, limits)


def test_s3_holds_five_tebibytes() -> None:
    piece = piece_size(5 * TIB, S3)
    assert piece is not None
    assert piece * 10_000 >= 5 * TIB


def test_a_store_without_large_objects_takes_what_one_request_can_send() -> None:
    limits = S3._replace(pieces_max=0)
    assert piece_size(limits.single_max, limits) is None
    with pytest.raises(Refused, match=r"at most 5\.0 GiB"):
        piece_size(limits.single_max + 1, limits)


def test_ranges_cover_a_file_once() -> None:
    assert list(ranges(10, 4)) == [(0, 4), (4, 4), (8, 2)]
    assert list(ranges(8, 4)) == [(0, 4), (4, 4)]


def test_pieces_combine_as_each_store_does_it() -> None:
    pieces = [Piece(1, md5_of(b"a")), Piece(1, md5_of(b"b"))]
    assert combined(pieces, binary=True) == md5_of(bytes.fromhex(md5_of(b"a")) + bytes.fromhex(md5_of(b"b")))
    assert combined(pieces, binary=False) == md5_of((md5_of(b"a") + md5_of(b"b")).encode())
