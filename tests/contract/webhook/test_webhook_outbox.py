"""What waits for the webhook: which process delivers it, how long it is kept, and when it is deleted."""

import multiprocessing
import os
import signal
import time

import pytest
from sqlalchemy import Engine, delete, select, update
from support.journals import Database, open_journal
from support.webhooks import SECRET, Endpoint, end_job, runs_until, webhook_of

from pfcon.errors import Unreachable
from pfcon.events.service import EventService
from pfcon.events.webhook import Webhook
from pfcon.models import JobKind, JobStatus
from pfcon.records import Journal
from pfcon.records.events import KEEP, EventLog
from pfcon.records.outbox import Outbox
from pfcon.records.schema import events, services, webhook
from pfcon.settings.service import WebhookSettings
from pfcon.testing.waiting import eventually

OK, FAILED, UNDEFINED = JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.UNDEFINED

pytestmark = pytest.mark.usefixtures("short_pauses")


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
