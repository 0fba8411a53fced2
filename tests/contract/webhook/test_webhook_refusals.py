"""Events that the endpoint of the webhook never accepts, and an endpoint that is down: what waits for what."""

import time
from itertools import pairwise
from typing import Any

import pytest
from support.webhooks import Endpoint, end_job, runs_until, webhook_of

from pfcon.events import webhook as sending
from pfcon.records import Journal
from pfcon.records.outbox import LONGEST_PAUSE, Outbox


@pytest.mark.parametrize("answer", [400, 500, None])
def test_one_event_that_is_never_accepted_does_not_hold_back_later_ones(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch, answer: int | None
) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.3)  # no longer pause: each is the longest from the first on
    monkeypatch.setattr(sending, "LONGEST_PAUSE", 0.3)
    hook.answer = lambda event: answer if event["jid"] == "bad" else 204
    sender = webhook_of(journal, hook)
    end_job(journal, "bad")
    assert runs_until(sender, lambda: len(hook.calls) == 4)
    end_job(journal, "good")
    begun = time.monotonic()
    assert runs_until(sender, lambda: hook.has("good"))
    assert time.monotonic() - begun < 5
    assert hook.jids.count("bad") >= 4


def test_an_event_that_fails_alone_makes_others_wait_for_the_shortest_pause_only(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.05)
    hook.answer = lambda event: 500 if event["jid"] == "bad" else 204
    sender = webhook_of(journal, hook)
    end_job(journal, "bad")
    assert runs_until(sender, lambda: len(hook.calls) == 7)  # the next attempt is 3.2 s later
    end_job(journal, "good")
    begun = time.monotonic()
    assert runs_until(sender, lambda: hook.has("good"))
    assert time.monotonic() - begun < 2.5


def test_many_refused_events_do_not_hold_back_others_and_are_not_sent_all_at_a_time(
    journal: Journal, hook: Endpoint
) -> None:
    hook.answer = lambda event: 404 if event["jid"].startswith("bad") else 204
    sender = webhook_of(journal, hook)
    for number in range(25):
        end_job(journal, f"bad-{number}")
    end_job(journal, "good")
    sender.run_once()
    assert len(hook.calls) == sending.REFUSALS
    for _ in range(2):
        sender.run_once()
    assert hook.has("good")


@pytest.mark.parametrize("answer", [503, 429, None])
def test_an_endpoint_that_fails_with_different_events_is_asked_less_often_and_gets_new_ones_first(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch, answer: int | None
) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.1)
    asked: list[float] = []

    def fail(_event: Any) -> int | None:
        asked.append(time.monotonic())
        return answer

    hook.answer = fail
    sender = webhook_of(journal, hook)
    for number in range(20):
        end_job(journal, f"j{number}")
    assert runs_until(sender, lambda: len(asked) >= 5)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert all(pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.8), strict=False)), pauses
    failed = set(hook.jids)
    hook.calls.clear()
    hook.answer = lambda event: 204
    assert runs_until(sender, lambda: len(hook.accepted) == 20)
    assert hook.jids[0] not in failed


def test_a_retry_is_due_although_the_clock_was_set_back(journal: Journal) -> None:
    outbox = Outbox(journal, 0.0)
    assert outbox.acquire()
    end_job(journal, "j")
    delivery = outbox.next_new()
    assert delivery is not None
    now = time.time()
    outbox.postpone(delivery, now + LONGEST_PAUSE)
    assert outbox.next_retry(now + 1) is None
    assert outbox.next_retry(now + LONGEST_PAUSE + 1) is not None
    assert outbox.next_retry(now - 86400) is not None
