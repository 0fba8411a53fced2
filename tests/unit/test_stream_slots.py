"""Event streams and transfers share the threads of a process, of which some are always left to short requests."""

import pytest

from pfcon.api.slots import SHORT_REQUEST_THREADS, StreamSlots, TransferSlots
from pfcon.errors import Unreachable

THREADS = 64


def take_all(slots: TransferSlots | StreamSlots) -> int:
    """The number of slots that were free."""
    for number in range(THREADS + 1):
        try:
            slots.acquire()
        except Unreachable:
            return number
    raise AssertionError("there is no limit")


def test_streams_get_a_quarter_and_what_they_do_not_use_is_for_transfers() -> None:
    transfers = TransferSlots(THREADS)
    streams = StreamSlots(THREADS, transfers)
    assert take_all(streams) == THREADS // 4
    assert take_all(transfers) == THREADS - SHORT_REQUEST_THREADS - THREADS // 4
    streams.release()
    assert take_all(transfers) == 1


def test_a_stream_that_finds_no_free_thread_leaves_its_place_to_a_later_one() -> None:
    transfers = TransferSlots(THREADS)
    streams = StreamSlots(THREADS, transfers)
    busy = take_all(transfers)
    for _ in range(THREADS):
        with pytest.raises(Unreachable, match="busy"):
            streams.acquire()
    for _ in range(busy):
        transfers.release()
    assert take_all(streams) == THREADS // 4
