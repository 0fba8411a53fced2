"""How the states and the lines of a job are put together from answers that have the end of its log."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfcon.client.connection import Connection
from pfcon.client.errors import Answered
from pfcon.client.feed import MISSED, TAIL, PolledFeed, complete_lines, log_without_message, unseen


def compute(status: str, logs: str, message: str = "", ended: str = "") -> dict[str, Any]:
    return {"jid": "j", "status": status, "message": message, "logs": logs, "timestamp": ended}


class Answers:
    """A service with these answers for ``jobs/j/``, one after the other."""

    def __init__(self, *computes: dict[str, Any]) -> None:
        self.left = list(computes)

    def get(self, path: str, patience: object) -> dict[str, Any]:
        assert path == "jobs/j/"
        if not self.left:
            raise Answered("there is no job j", 404)
        return {"compute": self.left.pop(0)}


def feed(*computes: dict[str, Any]) -> PolledFeed:
    return PolledFeed(cast(Connection, Answers(*computes)), "j", sleep=lambda _: None)


def test_each_line_comes_once_and_the_end_is_the_last() -> None:
    news = list(
        feed(
            compute("notStarted", "pfcon: the image is fetched\n", "the image is fetched"),
            compute("started", "one\ntw"),
            compute("started", "one\ntwo\n"),
            compute("started", "one\ntwo\n"),
            compute("finishedWithError", "one\ntwo\nthree\npfcon: exit code 3\n", "exit code 3"),
        )
    )
    assert [line for piece in news for line in piece.lines] == ["one", "two", "three"]
    assert [piece.compute["status"] for piece in news if piece.compute] == [
        "notStarted",
        "started",
        "started",
        "finishedWithError",
    ]


def test_a_job_that_is_removed_meanwhile_ends_as_that_and_an_unknown_one_is_refused() -> None:
    *_, last = feed(compute("started", "one\n"))
    assert last.compute is not None
    assert last.compute["status"] == "removed"
    with pytest.raises(Answered):
        list(feed())


def test_a_last_line_without_an_end_comes_at_the_end() -> None:
    (news,) = feed(compute("finishedSuccessfully", "one\ntwo"))
    assert news.lines == ("one", "two")


def test_lines_that_scroll_out_of_the_answer_come_once() -> None:
    lines = [f"line {number}" for number in range(10)]
    answers = [compute("started", "".join(f"{line}\n" for line in lines[:end][-4:])) for end in (3, 5, 8)]
    news = list(feed(*answers, compute("finishedSuccessfully", "".join(f"{line}\n" for line in lines[-4:]))))
    assert [line for piece in news for line in piece.lines] == lines


def test_lines_that_were_never_in_an_answer_are_told_to_be_missing() -> None:
    assert unseen(["a", "b"], ["x", "y"]) == [MISSED, "x", "y"]


@pytest.mark.parametrize("status", ["undefined", "a status of a later release"])
def test_a_state_that_the_engine_does_not_know_for_a_moment_is_no_end(status: str) -> None:
    """It is one with the time of the end."""
    moment = compute(status, "one\n", "the engine's answer can't be read")
    news = list(feed(compute("started", "one\n"), moment, moment, compute("finishedSuccessfully", "one\ntwo\n")))
    assert [line for piece in news for line in piece.lines] == ["one", "two"]
    assert [piece.compute["status"] for piece in news if piece.compute][-1] == "finishedSuccessfully"
    (end,) = feed(compute(status, "one\n", "lost", ended="2026-01-31T12:00:00+00:00"))
    assert end.lines == ("one",)


def test_a_job_whose_state_is_unknown_for_long_is_not_followed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10_000, 60))
    monkeypatch.setattr("pfcon.client.feed.time.monotonic", lambda: next(moments))
    answers = [compute("undefined", "one\n")] * 100
    assert list(feed(compute("started", ""), *answers))[-1].compute == answers[0]


@pytest.mark.parametrize("log", [[str(number) for number in range(3000)], ["same"] * 3500])
@pytest.mark.parametrize("first", [400, 3000])
def test_lines_that_an_answer_lacks_are_told_also_at_the_beginning_and_of_a_log_of_equal_lines(
    log: list[str], first: int
) -> None:
    """first: lines that were written until the first look."""
    answers = ["\n".join(log[:end][-TAIL:]) + "\n" for end in (first, len(log))]
    news = list(feed(compute("started", answers[0]), compute("finishedSuccessfully", answers[1])))
    lines = [line for piece in news for line in piece.lines]
    assert lines.count(MISSED) == 1
    assert lines.index(MISSED) == (0 if first > TAIL else first)


def test_a_repeated_line_does_not_make_lines_of_a_long_log_doubtful() -> None:
    log = [str(number) if number % 100 else "repeated" for number in range(TAIL + 50)]
    assert unseen(log[:TAIL], log[50:], cut=True) == log[TAIL:]


def test_the_first_line_of_an_answer_may_lack_its_beginning() -> None:
    assert unseen(["a long line", "b"], ["line", "b", "c"]) == ["c"]


def test_an_empty_line_is_no_beginning_of_an_overlap() -> None:
    assert unseen(["a", "", "b"], ["", "b", "c"]) == ["c"]


@pytest.mark.parametrize("ended", [True, False])
def test_an_empty_log_has_no_lines(ended: bool) -> None:
    assert complete_lines("", ended=ended) == []


def test_a_line_of_the_program_that_looks_like_a_message_stays() -> None:
    assert log_without_message(compute("finishedWithError", "pfcon: mine\n", "exit code 3")) == "pfcon: mine\n"


@given(st.lists(st.integers(), unique=True, max_size=30), st.lists(st.integers(0, 30), max_size=6), st.integers(6, 30))
def test_a_log_of_distinct_lines_is_put_together_again(numbers: list[int], ends: Sequence[int], most: int) -> None:
    """If an answer has more lines than are written between two looks."""
    lines = [f"{number}." for number in numbers]
    seen: list[str] = []
    came: list[str] = []
    last = 0
    for end in sorted(ends):
        last = min(end, last + most - 1)
        tail = lines[:last][-most:]
        came += unseen(seen, tail)
        seen = tail or seen
    assert came == lines[:last]
