"""Limits of rates."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pfcon import token_bucket
from pfcon.token_bucket import Spacing, TokenBucket


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(token_bucket, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_a_bucket_is_emptied_and_fills_again(wait: Callable[[float], None]) -> None:
    bucket = TokenBucket(per_minute=60, burst=2)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    wait(1.1)
    assert [bucket.take() for _ in range(2)] == [True, False]


def test_what_was_taken_in_advance_is_missing_later(wait: Callable[[float], None]) -> None:
    bucket = TokenBucket(per_minute=60, burst=2)
    assert bucket.take(50)
    wait(48)
    assert not bucket.take()
    wait(1)
    assert bucket.take()


def test_a_bucket_that_many_share_still_gives_something() -> None:
    assert TokenBucket(per_minute=1, burst=0.1).take()


def test_each_key_has_its_own_time(wait: Callable[[float], None]) -> None:
    spacing = Spacing(10)
    assert [spacing.take(key) for key in ("a", "b", "a")] == [True, True, False]
    wait(9)
    assert not spacing.take("a")
    wait(1)
    assert spacing.take("a")
    assert not spacing.take("a")


def test_only_the_latest_keys_are_remembered() -> None:
    spacing = Spacing(1000, most=2)
    assert all(spacing.take(key) for key in ("a", "b", "c"))
    assert spacing.take("a")
    assert not spacing.take("c")
