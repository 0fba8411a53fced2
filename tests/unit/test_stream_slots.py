"""Streams have slots of their own: they leave those of transfers, and the threads, to others."""

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


def test_a_transfer_leaves_threads_to_short_requests() -> None:
    assert take_all(TransferSlots(THREADS)) == THREADS - SHORT_REQUEST_THREADS


def test_a_stream_beyond_the_limit_is_told_of_it_and_has_a_place_when_another_one_has_ended() -> None:
    streams = StreamSlots("logs", 3)
    assert take_all(streams) == 3
    with pytest.raises(Unreachable, match="already has 3 streams of logs"):
        streams.acquire()
    streams.release()
    assert take_all(streams) == 1
