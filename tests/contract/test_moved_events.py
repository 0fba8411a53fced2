"""Events after the records were moved or restored: no number comes twice, and readers learn that some are missing."""

import pytest
from support.journals import Database, open_journal
from support.records import exported, imported
from support.webhooks import Endpoint, end_job, endpoint, webhook_of

from pfcon.api import event_stream
from pfcon.api.event_query import EventQuery
from pfcon.events.feed import Feed
from pfcon.records import Journal
from pfcon.records.events import EventLog


def ids(journal: Journal, after: int = 0) -> list[int]:
    return [event.id for event in EventLog(journal.database).read(after, 1000).events]


def test_no_number_is_given_again_after_an_import_also_of_an_old_backup(databases: tuple[Database, Database]) -> None:
    source, target = databases
    with open_journal(source) as journal:
        end_job(journal, "exported")
        lines = exported(journal.database.engine)
        for number in range(20):
            end_job(journal, f"after-the-backup-{number}")
        given = ids(journal)
        journal.end_lease()
    with open_journal(target) as journal:
        journal.end_lease()
        imported(journal.database.engine, lines)
        end_job(journal, "new")
        journal.end_lease()
        first = ids(journal)
        assert len(first) == 3
        assert not set(first) & set(given)
        lines = exported(journal.database.engine)
    with open_journal(source) as journal:  # and back
        journal.end_lease()
        imported(journal.database.engine, lines, merge=True)
        end_job(journal, "newer")
        last = EventLog(journal.database).read(0, 0).last
        assert last > max(first)
        assert last < 1 << 53  # JavaScript's largest integer


def test_a_stream_that_goes_on_after_an_import_is_told_that_events_are_missing(
    databases: tuple[Database, Database],
) -> None:
    source, target = databases
    with open_journal(source) as journal:
        end_job(journal, "j")
        lines = exported(journal.database.engine)
    with open_journal(target) as journal:
        journal.end_lease()
        imported(journal.database.engine, lines)
        for number in range(5):
            end_job(journal, f"new-{number}")
        stream = event_stream.stream(Feed(EventLog(journal.database)), EventQuery(3))
        next(stream)
        assert b"event: reset" in next(stream)
        stream.close()


def test_a_webhook_gets_what_ends_after_an_import_and_an_export_warns_of_what_was_not_delivered(
    databases: tuple[Database, Database], caplog: pytest.LogCaptureFixture
) -> None:
    source, target = databases
    with endpoint() as hook:
        with open_journal(source) as journal:
            end_job(journal, "a")
            exported(journal.database.engine)
            assert "not delivered" not in caplog.text  # there is no webhook
            webhook_of(journal, hook).run_once()
            exported(journal.database.engine)
            assert "not delivered" not in caplog.text
            end_job(journal, "b")
            webhook_of(journal, Endpoint()).run_once()  # which does not listen
            end_job(journal, "c")
            lines = exported(journal.database.engine)
            assert "2 ends of jobs are not delivered to PFCON_WEBHOOK_URL" in caplog.text
        with open_journal(target) as journal:
            journal.end_lease()
            imported(journal.database.engine, lines)
            webhook_of(journal, hook, since=1e12).run_once()
            end_job(journal, "d")
            webhook_of(journal, hook).run_once()
        assert hook.jids == ["a", "d"]
        numbers = [call.event["id"] for call in hook.calls]
        assert len(set(numbers)) == 2
