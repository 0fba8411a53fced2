"""One process of all that share the records leads, also after the leader was killed, hangs, or has a wrong clock."""

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy
from support.journals import Database, open_journal

from pfcon.models import JobKind
from pfcon.records import Journal
from pfcon.records.leader import Leadership
from pfcon.records.schema import leader, services
from pfcon.testing.waiting import eventually

TAKEOVER = 3.0  # seconds: a busy machine may delay a beat


@pytest.fixture
def others(database: Database) -> Iterator[list[Leadership]]:
    """Those of three other processes."""
    with ExitStack() as stack:
        yield [Leadership(stack.enter_context(open_journal(database)), takeover=TAKEOVER) for _ in range(3)]


def leads(one: Leadership) -> bool:
    """Whether it leads after its next ``hold``."""
    one.hold()
    return one.leads


@pytest.fixture
def first(journal: Journal) -> Leadership:
    leadership = Leadership(journal, takeover=TAKEOVER)
    assert not leads(leadership)  # it finds no row, and inserts one
    assert leads(leadership)
    return leadership


def counts(leadership: Leadership) -> dict[JobKind, int]:
    return {kind: found.count for kind, found in leadership.rounds.items()}


def change_service(journal: Journal, **values: object) -> None:
    with journal.database.engine.begin() as connection:
        connection.execute(sqlalchemy.update(services).where(services.c.id == journal.owner).values(**values))


def test_of_many_processes_that_begin_at_once_one_leads(others: list[Leadership]) -> None:
    with ThreadPoolExecutor(3) as pool:
        for _ in range(5):
            list(pool.map(Leadership.hold, others))
    assert sum(one.leads for one in others) == 1


def test_the_log_says_which_process_watches_and_when_it_does_no_longer(
    journal: Journal, others: list[Leadership], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pfcon.records.leader")
    me = f"this process (pid {os.getpid()} on {os.uname().nodename})"
    now, no_longer = (
        f"{me} {word} the jobs of all services that share" for word in ("now watches", "no longer watches")
    )

    def said() -> list[str]:
        found = [line.removesuffix(" these records") for line in caplog.messages]
        caplog.clear()
        return found

    first = Leadership(journal, takeover=TAKEOVER)
    for _ in range(4):
        first.hold()
    assert said() == [now]  # of the first one of new records, too, and once
    change_service(journal, started=1)  # it seems to have ended
    assert leads(others[0])
    assert said() == [now]
    assert not leads(first)
    assert said() == [no_longer]
    others[0].resign()
    others[0].resign()
    assert said() == [no_longer]


def test_while_the_leader_lives_no_other_leads(first: Leadership, others: list[Leadership]) -> None:
    until = time.monotonic() + 2 * TAKEOVER
    while time.monotonic() < until:
        assert leads(first)
        first.complete([JobKind.PLUGIN], [])
        assert not any(leads(one) for one in others)
        time.sleep(0.1)


def test_one_that_says_that_it_ends_is_replaced_immediately(
    first: Leadership, others: list[Leadership], journal: Journal
) -> None:
    first.resign()
    journal.end_lease()
    assert not first.leads
    assert leads(others[0])
    assert not leads(others[1])


def test_one_of_this_host_that_was_killed_is_replaced_immediately(
    first: Leadership, others: list[Leadership], journal: Journal
) -> None:
    change_service(journal, started=1)  # a pid that another process has now
    assert leads(others[0])


@pytest.mark.parametrize("expires_at", [0.0, 1e12], ids=["fast clock", "slow clock"])
def test_one_of_another_host_is_replaced_when_it_is_silent_whatever_the_clocks_say(
    first: Leadership, others: list[Leadership], journal: Journal, expires_at: float
) -> None:
    change_service(journal, host="another boot", expires_at=expires_at)
    begun = time.monotonic()
    assert not leads(others[0])
    assert eventually(lambda: leads(others[0]))
    assert time.monotonic() - begun >= TAKEOVER
    assert not first.leads
    assert not leads(first)


def test_one_that_hangs_stops_leading_before_another_takes_over(first: Leadership, others: list[Leadership]) -> None:
    assert not leads(others[0])
    taken = False
    while not taken:
        led = first.leads
        taken = leads(others[0])
        assert not (led and taken)
        time.sleep(0.02)


def test_rounds_are_known_to_all_and_continue_with_the_next_leader(
    first: Leadership, others: list[Leadership], journal: Journal
) -> None:
    first.complete([JobKind.PLUGIN, JobKind.COPY], [])
    first.hold()
    others[0].hold()
    assert counts(others[0]) == {JobKind.PLUGIN: 1, JobKind.COPY: 1}
    journal.end_lease()
    assert leads(others[0])
    others[0].complete([JobKind.PLUGIN], [])
    others[0].hold()
    others[1].hold()
    assert counts(others[1]) == {JobKind.PLUGIN: 2, JobKind.COPY: 1}


def test_rounds_of_one_that_no_longer_leads_are_not_counted(first: Leadership, others: list[Leadership]) -> None:
    assert not leads(others[0])
    assert eventually(lambda: leads(others[0]))
    first.complete([JobKind.PLUGIN], [])
    assert not leads(first)
    others[0].hold()
    assert others[0].rounds == {}


def test_kinds_of_a_newer_release_are_left_out(first: Leadership, others: list[Leadership], journal: Journal) -> None:
    with journal.database.engine.begin() as connection:
        connection.execute(sqlalchemy.update(leader).values(rounds='{"new": [4], "copy": [2]}'))
    others[0].hold()
    assert counts(others[0]) == {JobKind.COPY: 2}


@pytest.mark.parametrize("text", ["", "7", "[]", '{"copy": 2}', '{"copy": []}', '{"copy": ["x"]}'])
def test_rounds_that_cannot_be_read_are_none_and_the_election_goes_on(
    first: Leadership, others: list[Leadership], journal: Journal, text: str
) -> None:
    with journal.database.engine.begin() as connection:
        connection.execute(sqlalchemy.update(leader).values(rounds=text))
    assert not leads(others[0])
    assert others[0].rounds == {}
    assert leads(first)
    first.complete([JobKind.PLUGIN], [])
    assert leads(first)
    others[0].hold()
    assert counts(others[0]) == {JobKind.PLUGIN: 1}


def test_a_round_that_ends_after_the_leadership_does_not_count_for_the_next_time(
    first: Leadership, others: list[Leadership], journal: Journal
) -> None:
    first.complete([JobKind.PLUGIN], [])
    assert not leads(others[0])
    assert eventually(lambda: leads(others[0]))
    assert not leads(first)
    first.complete([JobKind.PLUGIN], [])
    assert eventually(lambda: leads(first))
    assert first.rounds == {}


def test_records_that_may_be_outdated_are_named(first: Leadership, others: list[Leadership]) -> None:
    first.complete([JobKind.PLUGIN], ["c2", "c1"])
    first.hold()
    others[0].hold()
    assert others[0].rounds[JobKind.PLUGIN].outdated == {"c1", "c2"}
    first.complete([JobKind.PLUGIN], [])
    first.hold()
    others[0].hold()
    assert others[0].rounds[JobKind.PLUGIN].outdated == set()


def test_a_leader_that_cannot_do_its_work_is_followed_by_another_one(
    first: Leadership, others: list[Leadership]
) -> None:
    """It sees the other one at work, and may lead again later."""
    before = first.silence
    first.hold(able=False)
    assert not first.leads
    assert before is not None
    assert eventually(lambda: (first.hold(able=False), leads(others[0]))[1])
    first.hold(able=False)
    assert (first.silence or 0.0) < TAKEOVER
    assert not leads(first)
