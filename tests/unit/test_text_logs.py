"""Copying a log of which an engine returns the last MiB as text, as those of other packages may do."""

from collections.abc import Iterator

import pytest
from support.compute import make_harness

from pfcon.compute.base import Mine, anyone
from pfcon.compute.kept_log import Stretch
from pfcon.compute.log_copy import LOST, FileSource, TextSource, copied
from pfcon.compute.process.engine import ProcessEngine
from pfcon.paths import StoreBase
from pfcon.testing.compute import Check, logs
from pfcon.testing.compute.harness import Harness


class PlainEngine(ProcessEngine):
    """Has ``logs`` alone."""

    def open_log(self, name: str, mine: Mine = anyone) -> int | None:  # type: ignore[override]
        return None


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness("process", storebase.root)
    harness.engine = PlainEngine(storebase, stop_grace=1)
    yield harness
    harness.close()


@pytest.mark.parametrize(
    "check",
    [
        logs.test_the_log_has_the_text_that_a_job_wrote,
        logs.test_long_lines_are_whole,
        logs.test_the_log_of_a_job_that_runs_goes_on_where_it_was_left,
        logs.test_whenever_a_log_is_read_each_line_comes_once,
        logs.test_each_line_of_several_workers_comes_once,
    ],
)
def test_an_engine_that_has_logs_alone_keeps_the_contract(check: Check, compute: Harness) -> None:
    check(compute)


def read(texts: list[str], *, ended: bool = False) -> bytes:
    """What comes from a log that has these texts, one after the other."""
    found, cursor = b"", ""
    for text in texts:
        for chunk in copied([TextSource(lambda _, now=text: now, ended=ended)], cursor, ended=ended):  # type: ignore[misc]
            found, cursor = found + chunk.data, chunk.cursor
    return found


def lines(first: int, after: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, after))


def test_what_is_cut_off_at_the_beginning_has_been_read() -> None:
    assert read([lines(0, 500), lines(200, 700), lines(400, 900)]) == lines(0, 900).encode()


def test_what_was_cut_off_unread_is_told_and_nothing_comes_twice() -> None:
    found = read([lines(0, 500), lines(700, 1000), lines(750, 1100)])
    assert found == lines(0, 500).encode() + LOST + lines(700, 1100).encode()


def test_a_character_of_which_a_part_is_written_comes_once_it_is_whole() -> None:
    assert read(["a\ufffd", "aé\n", "aé\nb\n"]) == "aé\nb\n".encode()
    assert read(["a\ufffd"], ended=True) == "a\ufffd".encode()


def test_logs_of_several_workers_that_follow_each_other_are_read_at_the_end() -> None:
    text = "== worker 1 ==\none\n== worker 2 ==\ntwo\n"
    assert read([text]) == b""
    assert read([text], ended=True) == text.encode()


def test_lines_in_files_are_whole_also_where_files_end_and_bytes_are_left_out() -> None:
    text = b"".join(b"line %d\n" % number for number in range(100_000))

    def read_at(offset: int, most: int) -> Stretch:
        if offset < 500_003:
            return Stretch(offset, text[offset : min(offset + most, 500_003)], len(text))
        return Stretch(max(offset, 600_001), text[max(offset, 600_001) :][:most], len(text))

    chunks = copied([FileSource("1", read_at, b"worker 1: ")], "", ended=False)
    found = b"".join(chunk.data for chunk in chunks).replace(b"worker 1: ", b"")
    assert found == text[:500_003] + b"\n" + LOST + text[600_001:]
