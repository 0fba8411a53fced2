"""Wrong logins are limited; the right user gets in all the same."""

import pytest

from pfcon import logins
from pfcon.logins import LoginLimit, source_of

RIGHT = ("pfcon", "right")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Door:
    """A limit with a clock of its own, and the credentials that it looked at."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.limit = LoginLimit(self.clock)
        self.evaluated: list[tuple[str, str]] = []

    def attempt(self, address: str, user: str, password: str) -> bool | None:
        def is_right() -> bool:
            self.evaluated.append((user, password))
            return (user, password) == RIGHT

        return self.limit.attempt(address, user, password, is_right)

    def guess(self, number: int, address: str = "192.0.2.1", prefix: str = "") -> int:
        """So many attempts, all different and wrong; how many were looked at."""
        before = len(self.evaluated)
        for index in range(number):
            self.attempt(address, "pfcon", f"{prefix}{self.clock.now}-{index}")
        return len(self.evaluated) - before


def test_a_guesser_is_slowed_to_a_few_a_second() -> None:
    door = Door()
    looked_at = 0
    for _ in range(600):  # a minute of 1,000 guesses a second
        looked_at += door.guess(100)
        door.clock.now += 0.1
    assert looked_at <= logins.SOURCE_BURST + 60 * logins.SOURCE_RATE + 1


def test_what_is_over_the_limit_is_not_looked_at_even_if_it_is_right() -> None:
    door = Door()
    door.guess(100)
    door.evaluated.clear()
    assert door.attempt("192.0.2.1", *RIGHT) is None
    assert door.evaluated == []


def test_the_right_user_beside_a_guesser_gets_in_when_coming_again_as_told() -> None:
    door = Door()
    answers = []
    for tenth in range(121):  # twelve seconds of 1,000 guesses a second
        door.guess(100)
        if tenth in (60, 120):  # told to wait for five seconds
            answers.append(door.attempt("192.0.2.1", *RIGHT))
        door.clock.now += 0.1
    assert answers == [None, True]


def test_guesses_that_come_again_have_no_more_than_their_allowance() -> None:
    door = Door()
    door.guess(10_000, prefix="a")
    looked_at = 0
    for _ in range(300):  # half a minute in which 10,000 guesses come again and again
        for index in range(0, 10_000, 100):
            before = len(door.evaluated)
            door.attempt("192.0.2.1", "pfcon", f"a1000.0-{index}")
            looked_at += len(door.evaluated) - before
        door.clock.now += 0.1
    most = logins.SOURCE_RATE + logins.RETRY_RATE
    assert looked_at <= 30 * most + logins.RETRY_BURST + 1


def test_a_right_login_costs_nothing() -> None:
    door = Door()
    assert all(door.attempt("192.0.2.1", *RIGHT) for _ in range(1000))


def test_another_source_is_not_disturbed() -> None:
    door = Door()
    door.guess(1000)
    assert door.attempt("192.0.2.2", *RIGHT) is True


def test_many_sources_together_are_slowed_but_not_one_that_has_logged_in_before() -> None:
    door = Door()
    door.attempt("203.0.113.9", *RIGHT)
    looked_at = sum(door.guess(5, f"2001:db8:0:{number:x}::1") for number in range(1000))
    assert looked_at <= logins.SHARED_BURST
    assert door.attempt("198.51.100.7", *RIGHT) is None
    assert door.attempt("203.0.113.9", *RIGHT) is True
    door.clock.now += logins.WAIT
    assert door.attempt("198.51.100.7", *RIGHT) is True


def test_the_allowance_comes_back_with_time_up_to_its_most() -> None:
    door = Door()
    door.guess(100)
    door.clock.now += 1
    assert door.guess(100) == logins.SOURCE_RATE
    door.clock.now += 3600
    assert door.guess(100) == logins.SOURCE_BURST


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_MAX_SOURCES", 20)
    monkeypatch.setattr(logins, "_MAX_POSTPONED", 30)
    door = Door()
    for number in range(200):
        door.attempt(f"192.0.2.{number}", *RIGHT)
        door.guess(20, f"198.51.100.{number}")
    kept = vars(door.limit)
    assert len(kept["_known"]) <= 20
    assert len(kept["_unknown"]) <= 20
    assert len(kept["_postponed"]) <= 31


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:" + "x" * 100, "unix:" + "x" * 59),
    ],
)
def test_a_source_is_an_address_or_a_network_of_one_customer(address: str, source: str) -> None:
    assert source_of(address) == source
