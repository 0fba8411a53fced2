"""The webhook, on SQLite and on a real PostgreSQL, with an endpoint on loopback."""

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, select, update
from support.journals import Database, open_journal
from support.webhooks import SECRET, Endpoint, end_job, endpoint, runs_until, webhook_of

from pfcon.errors import Unreachable
from pfcon.events import webhook as sending
from pfcon.events.service import EventService
from pfcon.events.webhook import Webhook
from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Journal, Phase
from pfcon.records.events import KEEP, EventLog
from pfcon.records.outbox import Outbox
from pfcon.records.schema import events, services, webhook
from pfcon.settings.service import WebhookSettings
from pfcon.testing.waiting import eventually

OK, FAILED, UNDEFINED = JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.UNDEFINED


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    with endpoint() as listening:
        yield listening


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that tests need not wait."""
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(sending, "LONGEST_PAUSE", 0.2)


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


def _deliver(database: Database, hook_url: str) -> None:
    """A service process that delivers until it is killed."""
    with open_journal(database) as journal:
        sender = Webhook(hook_url, SECRET, Outbox(journal, 0.0))
        while True:
            sender.run_once()
            time.sleep(0.01)


def test_of_two_processes_one_delivers_and_the_other_takes_over_when_it_is_killed(
    database: Database, hook: Endpoint
) -> None:
    """The first one is killed after the endpoint has got the event, and before it can record that."""
    context = multiprocessing.get_context("spawn")
    with open_journal(database) as journal:
        sender = webhook_of(journal, hook)
        child = context.Process(target=_deliver, args=(database, hook.url))
        child.start()
        assert eventually(lambda: _owner(journal) not in (None, journal.owner))

        def kill(_event: object) -> int:
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            return 204

        sender.run_once()
        hook.answer = kill
        end_job(journal, "j")
        assert eventually(lambda: len(hook.calls) == 1)
        child.join()
        hook.answer = lambda _: 204
        end_job(journal, "k")
        assert runs_until(sender, lambda: len(hook.calls) == 3)
        assert hook.jids == ["j", "j", "k"]
        assert hook.calls[0].event == hook.calls[1].event
        sender.run_once()
        assert len(hook.calls) == 3


def _owner(journal: Journal) -> str | None:
    with journal.database.engine.connect() as connection:
        return connection.execute(select(webhook.c.owner)).scalar()


def test_a_process_that_has_lost_the_outbox_records_nothing(journal: Journal, database: Database) -> None:
    outbox = Outbox(journal, 0.0)
    end_job(journal, "j")
    assert outbox.acquire()
    delivery = outbox.next_new()
    assert delivery is not None
    with open_journal(database) as other:
        with other.database.engine.begin() as connection:  # as after LEASE seconds on another host
            connection.execute(update(webhook).values(owner="gone"))
        assert Outbox(other, 0.0).acquire()
        assert not outbox.delivered(delivery)
        assert not outbox.postpone(delivery, 0.0)
        assert not outbox.acquire()
        found = Outbox(other, 0.0).next_new()
        assert found is not None
        assert found.event == delivery.event
        other.end_lease()
        with other.database.engine.begin() as connection:
            connection.execute(delete(services).where(services.c.id == journal.owner))
    assert outbox.acquire()  # also without a lease that is still there


def test_events_that_were_not_delivered_are_kept(journal: Journal, hook: Endpoint) -> None:
    hook.answer = lambda event: 404 if event["jid"] == "bad" else 204
    sender = webhook_of(journal, hook)
    end_job(journal, "good")
    end_job(journal, "bad")
    sender.run_once()
    sender.run_once()
    end_job(journal, "new")
    with journal.database.engine.begin() as connection:
        connection.execute(update(events).values(at=time.time() - KEEP - 1))
    log = EventLog(journal.database)
    log.delete_old()
    assert [(one.jid, one.status) for one in log.read(0, 100).events] == [
        ("bad", "finishedSuccessfully"),
        ("new", "finishedSuccessfully"),
    ]
    hook.answer = lambda event: 204
    assert runs_until(sender, lambda: hook.has("bad", "new"))
    end_job(journal, "later")
    assert runs_until(sender, lambda: hook.has("later"))
    _let_pass(journal, KEEP + 1)
    log.delete_old()
    assert log.read(0, 100).events == ()


def _let_pass(journal: Journal, seconds: float) -> None:
    """As if all that is recorded were older."""
    with journal.database.engine.begin() as connection:
        connection.execute(update(events).values(at=events.c.at - seconds))
        connection.execute(update(webhook).values(used_at=webhook.c.used_at - seconds))


def test_a_process_without_the_setting_keeps_what_another_one_delivers(journal: Journal, hook: Endpoint) -> None:
    """While the setting is introduced, replica by replica."""
    hook.answer = lambda event: 404
    sender = EventService(journal, WebhookSettings(hook.url, SECRET))
    sender.start()
    end_job(journal, "bad")
    sender.run_once()
    _let_pass(journal, KEEP - 100)
    sender.start()
    _let_pass(journal, 200)
    EventService(journal, WebhookSettings()).run_once()
    assert [one.jid for one in EventLog(journal.database).read(0, 10).events] == ["bad"]
    hook.answer = lambda event: 204
    assert eventually(lambda: bool(sender.run_once() or hook.has("bad")))


def test_without_a_webhook_what_an_earlier_one_has_left_is_deleted_with_its_events(
    journal: Journal, hook: Endpoint
) -> None:
    hook.answer = lambda event: 404
    end_job(journal, "bad")
    webhook_of(journal, hook).run_once()
    _let_pass(journal, KEEP + 1)
    EventService(journal, WebhookSettings()).run_once()
    assert Outbox(journal, 0.0).waiting() == 0
    hook.answer = lambda event: 204
    end_job(journal, "bad", kind=JobKind.COPY)
    service = EventService(journal, WebhookSettings(hook.url, SECRET))
    service.run_once()
    assert hook.accepted == [("bad", "copy", "finishedSuccessfully")]


def test_while_the_records_do_not_answer_they_are_asked_every_few_seconds(
    journal: Journal, hook: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pfcon.events.service.PAUSE", 0.3)
    service = EventService(journal, WebhookSettings(hook.url, SECRET))
    fault = Unreachable("the database is away")

    class Away:
        @property
        def engine(self) -> Engine:
            raise fault

    database, service._events._database = service._events._database, Away()  # type: ignore[assignment]
    for _ in range(2):
        with pytest.raises(Unreachable):
            service.run_once()
        service.run_once()  # without effect
        time.sleep(0.3)
    service._events._database = database
    end_job(journal, "j", OK)
    service.run_once()
    assert hook.jids == ["j"]
