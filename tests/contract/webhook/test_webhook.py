"""The webhook, on SQLite and on a real PostgreSQL: what is sent, in which order, and when again."""

import itertools
import time

import pytest
from support.webhooks import SECRET, Endpoint, end_job, runs_until, webhook_of

from pfcon.events import webhook as sending
from pfcon.events.service import EventService
from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Journal, Phase
from pfcon.settings.service import WebhookSettings
from pfcon.testing.waiting import eventually

OK, FAILED, UNDEFINED = JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.UNDEFINED

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_each_final_status_is_sent_once_in_order_and_signed(journal: Journal, hook: Endpoint) -> None:
    end_job(journal, "a", OK, message="fine", exit_code=0)
    end_job(journal, "b", FAILED, reason="Error", message="é", exit_code=3)
    end_job(journal, "b", UNDEFINED, kind=JobKind.COPY)
    sender = webhook_of(journal, hook)
    sender.run_once()
    record = journal.get(JobId("a"), JobKind.PLUGIN)
    assert record is not None
    journal.move(record, Phase.REMOVED)
    sender.run_once()
    assert hook.accepted == [
        ("a", "plugin", "finishedSuccessfully"),
        ("b", "plugin", "finishedWithError"),
        ("b", "copy", "undefined"),
    ]
    assert all(call.is_signed() for call in hook.calls)
    assert not any(call.is_signed("another key") for call in hook.calls)
    call = hook.calls[1]
    assert (call.event["reason"], call.event["message"], call.event["exit_code"]) == ("Error", "é", 3)
    assert call.headers["X-Pfcon-Event-Id"] == str(call.event["id"])
    assert call.headers["Content-Type"] == "application/json"
    assert abs(int(call.headers["X-Pfcon-Timestamp"]) - time.time()) < 30


def test_where_no_webhook_was_configured_before_it_begins_with_new_events(journal: Journal, hook: Endpoint) -> None:
    end_job(journal, "old")
    time.sleep(0.01)
    since = time.time()
    end_job(journal, "before-the-first-call")
    sender = webhook_of(journal, hook, since)
    sender.run_once()
    end_job(journal, "new")
    sender.run_once()
    webhook_of(journal, hook, time.time() + 100).run_once()
    assert hook.jids == ["before-the-first-call", "new"]


def test_what_ends_after_a_start_is_delivered_by_a_later_process(journal: Journal, hook: Endpoint) -> None:
    settings = WebhookSettings(hook.url, SECRET)
    end_job(journal, "old")
    time.sleep(0.01)
    EventService(journal, settings).start()
    EventService(journal, settings).start()
    end_job(journal, "new")
    time.sleep(0.01)
    later = EventService(journal, settings)
    later.start()
    later.run_once()
    assert hook.jids == ["new"]


def test_an_event_that_is_refused_waits_with_later_ones_of_its_jid_and_no_other(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "pfcon.events")
    hook.answer = lambda event: 404 if event["jid"] == "bad" else 204
    sender = webhook_of(journal, hook)
    end_job(journal, "bad", FAILED)
    end_job(journal, "good-1")
    end_job(journal, "bad", OK)
    end_job(journal, "bad", OK, kind=JobKind.UPLOAD)
    end_job(journal, "good-2")
    assert runs_until(sender, lambda: hook.has("good-1", "good-2") and hook.jids.count("bad") > 5)
    assert {call.event["status"] for call in hook.calls if call.event["jid"] == "bad"} == {"finishedWithError"}
    hook.answer = lambda event: 204
    assert runs_until(sender, lambda: len(hook.accepted) == 5)
    assert [one for one in hook.accepted if one[0] == "bad"] == [
        ("bad", "plugin", "finishedWithError"),
        ("bad", "plugin", "finishedSuccessfully"),
        ("bad", "upload", "finishedSuccessfully"),
    ]
    assert caplog.text.count("does not accept event") == 1
    assert caplog.text.count("has accepted all events that had to be sent again") == 1


@pytest.mark.parametrize("answer", [500, 503, 429, 410, 302, 199, None])
def test_a_failing_endpoint_gets_all_events_when_it_works_again(
    journal: Journal, hook: Endpoint, answer: int | None
) -> None:
    hook.answer = lambda event: answer
    for number in range(5):
        end_job(journal, f"j{number}")
    sender = webhook_of(journal, hook)
    assert runs_until(sender, lambda: len(hook.calls) > 5)
    assert hook.accepted == []
    hook.answer = lambda event: 204
    assert runs_until(sender, lambda: len(hook.accepted) == 5)
    assert sorted(jid for jid, _, _ in hook.accepted) == [f"j{number}" for number in range(5)]
    assert all(call.is_signed() for call in hook.calls)


def test_a_dead_endpoint_is_asked_less_and_less_often(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[float] = []
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(sending, "LONGEST_PAUSE", 0.4)

    def close(_event: object) -> None:
        moments.append(time.monotonic())

    hook.answer = close
    for number in range(20):
        end_job(journal, f"j{number}")
    sender = webhook_of(journal, hook)
    assert runs_until(sender, lambda: len(moments) == 6)
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert all(pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.4, 0.4), strict=True))


def test_a_slow_endpoint_counts_as_failing_and_gets_the_event_again(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pfcon.events.sender.TIMEOUT", 0.2)
    slow = [0.6, 0.6]

    def answer(_event: object) -> int:
        time.sleep(slow.pop() if slow else 0)
        return 204

    hook.answer = answer
    end_job(journal, "j")
    sender = webhook_of(journal, hook)
    begun = time.monotonic()
    sender.run_once()
    assert time.monotonic() - begun < 0.5
    assert runs_until(sender, lambda: len(hook.calls) >= 3 and not slow)
    assert eventually(lambda: len(hook.calls) == 3)
    before = len(hook.calls)
    sender.run_once()
    assert len(hook.calls) == before


def test_an_endpoint_that_does_not_listen_gets_all_later(journal: Journal) -> None:
    hook = Endpoint()
    sender = webhook_of(journal, hook)
    end_job(journal, "a")
    sender.run_once()
    end_job(journal, "b")
    sender.run_once()
    with hook.listening():
        assert runs_until(sender, lambda: sorted(hook.jids) == ["a", "b"])
