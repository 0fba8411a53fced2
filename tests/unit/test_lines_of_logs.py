"""How the bytes of a log become whole lines, gaps and an end."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfcon.jobs.logs import lines as cutting
from pfcon.jobs.logs.lines import LONGEST, Gap, Lines, Rest, next_piece
from pfcon.jobs.logs.part import LogPart


@dataclass
class Log:
    """A log in memory. gap: the offsets of what is left out. step: bytes that one call returns at most."""

    data: bytes
    gap: tuple[int, int] = (0, 0)
    complete: bool = False
    step: int = 1 << 20

    def read(self, offset: int, most: int) -> LogPart:
        first, last = self.gap
        start = last if first <= offset < last else offset
        stop = min(len(self.data), start + min(most, self.step), first if start < first < last else len(self.data))
        data = self.data[start:stop]
        at_end = start + len(data) >= len(self.data)
        return LogPart(start, data, len(self.data), self.complete and at_end)


def pieces(log: Log, at: int = 0) -> tuple[list[Lines | Gap], Rest]:
    """All that a log has from an offset."""
    found: list[Lines | Gap] = []
    while not isinstance(piece := next_piece(log.read, at), Rest):
        assert piece.end > at
        found.append(piece)
        at = piece.end
    return found, piece


def text_of(found: list[Lines | Gap]) -> str:
    return "".join(f"<{piece.nbytes}>" if isinstance(piece, Gap) else piece.text for piece in found)


def test_a_line_is_there_when_its_end_is() -> None:
    log = Log(b"one\ntw")
    assert pieces(log) == ([Lines("one\n", 4)], Rest())
    log.data += b"o\n"
    assert pieces(log, 4) == ([Lines("two\n", 8)], Rest())


def test_a_last_line_without_an_end_is_there_when_nothing_follows() -> None:
    log = Log(b"one\ntwo")
    assert pieces(log) == ([Lines("one\n", 4)], Rest())
    log.complete = True
    assert pieces(log) == ([Lines("one\n", 4), Lines("two", 7)], Rest(complete=True))


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_gap_is_told_and_ends_a_line(step: int) -> None:
    log = Log(b"one\ntwo lost\nthree\n", gap=(6, 15), step=step)
    assert text_of(pieces(log)[0]) == "one\ntw<9>ree\n"
    assert text_of(pieces(log, 8)[0]) == "<7>ree\n"  # the offset is in it


def test_a_log_that_has_begun_again_is_read_from_its_beginning() -> None:
    assert next_piece(Log(b"one\n").read, 100) == Rest(again=True)


@pytest.mark.parametrize("character", ["ä", "€", "😀", "x"])
@pytest.mark.parametrize("shift", range(5))
def test_a_long_line_is_cut_between_characters(character: str, shift: int) -> None:
    log = Log(b"-" * shift + (character * LONGEST).encode(), complete=True)
    found, _ = pieces(log)
    assert text_of(found) == "-" * shift + character * LONGEST
    assert len(found) > len(character.encode()) - 1
    ends = [0, *(piece.end for piece in found)]
    assert max(end - start for start, end in pairwise(ends)) <= LONGEST


def test_long_lines_that_are_no_text_are_cut_too() -> None:
    log = Log(b"\xff" * LONGEST + b"\xc3" * LONGEST + b"\x80" * LONGEST, complete=True)
    assert text_of(pieces(log)[0]).count("\ufffd") >= 2 * LONGEST


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\0", b"\xff", "ä".encode(), "€".encode()]), max_size=60).map(b"".join),
    st.tuples(st.integers(0, 60), st.integers(0, 60)),
    st.integers(1, 10),
    st.integers(0, 60),
)
def test_every_byte_is_in_one_piece_wherever_a_client_begins(
    data: bytes, gap: tuple[int, int], step: int, at: int
) -> None:
    first, last = sorted(gap)
    log = Log(data, (min(first, len(data)), min(last, len(data))), complete=True, step=step)
    at = min(at, len(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "LONGEST", 8)
        found, rest = pieces(log, at)
    assert rest == Rest(complete=True)
    assert sum(isinstance(piece, Gap) for piece in found) <= 1
    for piece in found:
        if isinstance(piece, Lines):
            assert log.read(at, piece.end - at).start == at
            assert piece.text == data[at : piece.end].decode("utf-8", "replace").replace("\0", "\ufffd")
        at = piece.end
    assert at == len(data)
