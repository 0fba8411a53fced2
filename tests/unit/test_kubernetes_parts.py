"""Small parts of the kubernetes engine: logs, allowances, patience, what is followed, and what refusals mean."""

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pfcon.compute.kubernetes import stuck_timer
from pfcon.compute.kubernetes.faults import Expired, error_of, status_text
from pfcon.compute.kubernetes.logs import LOG_BYTES, LogCache, Tail, last_part, merge
from pfcon.compute.kubernetes.stuck_timer import StuckTimer
from pfcon.compute.kubernetes.views import has_ended
from pfcon.compute.kubernetes.watcher import Follower
from pfcon.compute.words import plain
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.reasons import SUCCESS, Reason, Why, explain

Json = dict[str, Any]
NO_ANSWER = explain(Reason.REGISTRY_UNREACHABLE, image="x", detail="the registry is away")
MISSING = explain(Reason.IMAGE_NOT_FOUND, image="x")
BACK_OFF = explain(Reason.IMAGE_FAILED, image="x")  # an older kubelet waits, and does not repeat the reason


def job(name: str, version: int, *, ended: bool = False) -> Json:
    conditions = [{"type": "Complete", "status": "True"}] if ended else []
    metadata = {"name": name, "uid": name, "resourceVersion": str(version), "managedFields": ["much"]}
    container = {"image": "x", "env": [{"name": "TOKEN", "value": "secret"}]}
    spec = {"template": {"spec": {"containers": [container]}}}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


class Calls:
    """An API server whose answers are known beforehand. ``watched``: from which versions it was."""

    def __init__(self, lists: list[list[Json]], watches: list[list[Json] | Exception]) -> None:
        self._lists, self._watches = lists, watches
        self.watched: list[str] = []

    def pages(self, resource: str, selector: str) -> Iterator[Json]:
        for page in [self._lists.pop(0)]:
            yield {"metadata": {"resourceVersion": "7"}, "items": page}

    @contextlib.contextmanager
    def watch(self, resource: str, selector: str, version: str, seconds: int) -> Iterator[Iterator[Json]]:
        self.watched.append(version)
        found = self._watches.pop(0)
        if isinstance(found, Exception):
            raise found
        yield iter(found)


def follower() -> Follower:
    return Follower("jobs", lambda item: str(item["metadata"]["name"]), has_ended)


def event(kind: str, item: Json) -> Json:
    return {"type": kind, "object": item}


def test_events_change_what_a_list_has_told() -> None:
    one = follower()
    gone = [event("DELETED", job("a", 8)), event("ADDED", job("b", 9)), event("MODIFIED", job("c", 10, ended=True))]
    calls: Any = Calls([[job("a", 1), job("c", 2)]], [gone, []])
    one.follow(calls, 20)
    assert one.of("a") == []
    assert [found and found["metadata"]["name"] for found in one.of("b")] == ["b"]
    assert one.of("c") == [None]
    assert one.age() < 5
    one.follow(calls, 20)
    assert calls.watched == ["7", "10"]


def test_neither_tokens_nor_owners_of_fields_are_kept() -> None:
    one = follower()
    calls: Any = Calls([[job("a", 1)]], [[]])
    one.follow(calls, 20)
    assert "secret" not in str(one.of("a"))
    assert "much" not in str(one.of("a"))


def test_a_watch_that_is_too_old_begins_with_a_list_again() -> None:
    one = follower()
    calls: Any = Calls([[job("a", 1)], [job("b", 2)]], [Expired("too old"), []])
    one.follow(calls, 20)
    one.follow(calls, 20)
    assert one.of("a") == []
    assert len(one.of("b")) == 1


def test_a_bookmark_moves_on_where_the_next_watch_begins() -> None:
    one = follower()
    bookmark = {"metadata": {"resourceVersion": "99"}}
    calls: Any = Calls([[]], [[event("BOOKMARK", bookmark)], []])
    one.follow(calls, 20)
    one.follow(calls, 20)
    assert calls.watched == ["7", "99"]


def test_a_server_that_went_silent_is_too_old_at_once() -> None:
    one = follower()
    assert one.age() == float("inf")
    calls: Any = Calls([[]], [[]])
    one.follow(calls, 20)
    one.silent()
    assert one.age() == float("inf")


def test_a_tail_keeps_the_end_of_what_it_is_fed() -> None:
    tail = Tail(limit=10)
    tail.feed([b"0123456789\n", b"abc\n", b"def\n"])
    assert tail.text(2) == "abc\ndef\n"
    assert tail.text(100) == "9\nabc\ndef\n"
    assert tail.text(0) == ""


def test_a_tail_is_clean_and_bounded_in_bytes_of_utf_8() -> None:
    tail = Tail()
    tail.feed([b"\xff\x00" * LOG_BYTES])
    text = tail.text(10)
    assert set(text) == {"\ufffd"}
    assert len(text.encode()) <= LOG_BYTES


def test_a_line_ends_at_a_line_feed_alone() -> None:
    assert last_part("a\rb\x0bc\u2028d\ne\n", 2) == "a\rb\x0bc\u2028d\ne\n"


def test_logs_of_several_pods_are_told_below_their_names_each_with_its_share() -> None:
    assert merge([("one", "a\nb\n")], 1) == "b\n"
    assert merge([("one", "a\n"), ("two", "b")], 5) == "==> one <==\na\n==> two <==\nb\n"
    text = merge([("one", "x" * LOG_BYTES), ("two", "y" * LOG_BYTES)], 5)
    assert len(text) <= LOG_BYTES
    assert text.count("x") == text.count("y") > LOG_BYTES // 3


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves on the clock of patience, which stands still otherwise; seconds."""
    now = [1000.0]
    monkeypatch.setattr(stuck_timer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return lambda seconds: now.append(now.pop() + seconds)


def test_the_last_texts_are_bounded() -> None:
    texts = LogCache()
    for number in range(2000):
        texts.put(str(number), "x" * 100_000 if number == 1999 else "x")
    assert texts.get("0") == ""
    assert texts.get("1998") == "x"
    assert len(texts.get("1999")) == 64 * 1024


def test_patience_ends_with_the_most_telling_reason(wait: Callable[[float], None]) -> None:
    found = StuckTimer(100.0, 1.0)
    assert found.expired("u", NO_ANSWER) == SUCCESS
    assert found.expired("u", BACK_OFF) == SUCCESS
    assert (found.best("u", BACK_OFF), found.best("other", BACK_OFF)) == (NO_ANSWER, BACK_OFF)
    wait(100.1)
    assert found.expired("u", BACK_OFF) == NO_ANSWER
    assert found.expired("other", BACK_OFF) == SUCCESS


@pytest.mark.parametrize(
    ("why", "soon"),
    [
        (MISSING, True),
        (explain(Reason.IMAGE_REFUSED, image="x"), True),
        (explain(Reason.INVALID_IMAGE_NAME, image="x"), True),
        (NO_ANSWER, False),
        (explain(Reason.REGISTRY_LIMIT, image="x"), False),
        (explain(Reason.DISK_FULL), False),
        (BACK_OFF, False),
        (explain(Reason.IMAGE_FAILED, image="x", cause="who knows"), False),
        (explain(Reason.ENGINE_FAULT, cause="who knows"), False),
        (explain(Reason.ENGINE_SETUP, cause="no volume"), False),
    ],
)
def test_only_what_can_pass_is_waited_for(wait: Callable[[float], None], why: Why, soon: bool) -> None:
    found = StuckTimer(100.0, 1.0)
    assert found.expired("u", why) == SUCCESS
    wait(1.1)
    assert found.expired("u", why) == (why if soon else SUCCESS)
    wait(100)
    assert found.expired("u", why) == why


def test_what_could_pass_until_now_is_not_hopeless_for_all_that_time(wait: Callable[[float], None]) -> None:
    found = StuckTimer(100.0, 1.0)
    found.expired("u", NO_ANSWER)
    wait(40)
    assert found.expired("u", MISSING) == SUCCESS  # a registry that starts again may say that once
    wait(1.1)
    assert found.expired("u", MISSING) == MISSING


def test_nothing_is_waited_for_longer_than_for_the_rest() -> None:
    assert StuckTimer(0.0, 5.0)._hopeless == 0.0


def test_a_reason_that_has_changed_is_the_best() -> None:
    found = StuckTimer(100.0, 1.0)
    found.expired("u", NO_ANSWER)
    assert found.best("u", MISSING) == MISSING
    found.expired("u", MISSING)
    assert found.best("u", BACK_OFF) == MISSING
    assert found.best("u", SUCCESS) == SUCCESS


def test_patience_begins_anew_with_a_job_that_got_on(wait: Callable[[float], None]) -> None:
    found = StuckTimer(1.0, 1.0)
    found.expired("u", MISSING)
    wait(1.1)
    assert found.expired("u", SUCCESS) == SUCCESS
    assert found.expired("u", MISSING) == SUCCESS


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (401, Unreachable),
        (403, Refused),
        (404, Absent),
        (408, Unreachable),
        (409, Conflict),
        (410, Expired),
        (422, Refused),
        (429, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
def test_a_status_is_one_of_our_errors_with_the_server_s_words(status: int, error: type[Exception]) -> None:
    found = error_of(status, "its own words")
    assert type(found) is error
    assert "its own words" in str(found)


def test_a_status_object_is_told_by_its_message_and_anything_else_as_it_is() -> None:
    assert status_text(b'{"kind": "Status", "message": "no\\n such thing"}') == "no such thing"
    assert status_text(b"<html>bad gateway</html>") == "<html>bad gateway</html>"
    assert status_text(b"") == ""
    assert len(plain("x" * 5000)) == 500
