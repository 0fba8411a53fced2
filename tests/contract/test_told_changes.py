"""Changes that a journal tells, on SQLite and PostgreSQL: one for each event, once it is in the database."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.journals import Database, open_journal

from pfcon.models import DataPaths, JobId, JobKind, JobSpec, JobStatus
from pfcon.records import Change, Claimed, Journal, Phase, Place
from pfcon.records.events import EventLog

JID, PLUGIN = JobId("chris-jid-1"), JobKind.PLUGIN
SPEC = JobSpec(
    PLUGIN.engine_name(JID), JID, PLUGIN, "img", ("cmd",), request_id="r-1", paths=DataPaths(("home/in",), "home/out")
)


@pytest.fixture
def told() -> list[Change]:
    """What was told."""
    return []


@pytest.fixture
def telling(database: Database, told: list[Change]) -> Iterator[Journal]:
    """A journal that tells."""
    with open_journal(database) as other:
        journal = Journal(lambda: other.database.engine, told.append)
        journal.renew_lease()
        yield journal


def test_each_event_is_told_with_what_is_known_then(telling: Journal, told: list[Change]) -> None:
    """From the claim to the removal; a message alone is no change of a status."""
    found = telling.claim(JID, PLUGIN, "r", auid="chris", image="img")
    assert isinstance(found, Claimed)
    record = found.record
    telling.live.begin(record.claim)
    telling.note(record, "still staging")
    values: dict[str, Any] = {"spec": SPEC.to_json(), "staged_at": 5.0, "placed_at": 6.0}
    telling.move(record, Phase.SCHEDULED, status=JobStatus.STARTED.value, **values)
    telling.move(record, Phase.FINAL, status="finishedWithError", reason="ExitCode", exit_code=3, finished_at=9.0)
    telling.move(record, Phase.REMOVED)
    assert [change.status for change in told] == ["notStarted", "started", "finishedWithError", "removed"]
    assert [event.status for event in EventLog(telling.database).read(0, 10).events] == [one.status for one in told]
    assert {(change.jid, change.owner, change.image) for change in told} == {(JID, "chris", "img")}
    first, second, third = told[:3]
    assert first.spec is None
    assert second.spec == SPEC
    assert second.staged_at is not None
    assert second.placed_at
    assert second.placed_at.timestamp() == 6.0
    assert (third.reason, third.exit_code, third.finished_at and third.finished_at.timestamp()) == ("ExitCode", 3, 9.0)


def test_what_is_not_written_is_not_told(telling: Journal, told: list[Change]) -> None:
    """A job that other jobs' directories block was claimed in a transaction that is rolled back."""
    place = Place("home/out", "home/out", writable=True)
    found = telling.claim(JID, PLUGIN, "r", (place,))
    assert isinstance(found, Claimed)
    telling.live.begin(found.record.claim)
    assert not isinstance(telling.claim(JobId("other"), PLUGIN, "r", (place,)), Claimed)
    assert [change.jid for change in told] == [JID]


def test_a_change_that_cannot_be_told_has_happened(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the log raises; that is logged."""

    def tell(_change: Change) -> None:
        raise OSError(28, "No space left on device")

    with open_journal(database) as other:
        journal = Journal(lambda: other.database.engine, tell)
        journal.renew_lease()
        assert isinstance(journal.claim(JID, PLUGIN, "r"), Claimed)
        assert journal.get(JID, PLUGIN) is not None
    assert "No space left on device" in caplog.text


@pytest.mark.parametrize("unreadable", ["{", "[]", "{}", "null", '{"name": 1}'])
def test_a_specification_that_cannot_be_read_changes_nothing(
    telling: Journal, told: list[Change], unreadable: str
) -> None:
    """Of a newer or a damaged record: the change is written, and told without it."""
    found = telling.claim(JID, PLUGIN, "r")
    assert isinstance(found, Claimed)
    telling.live.begin(found.record.claim)
    assert telling.move(found.record, Phase.SCHEDULED, status=JobStatus.STARTED.value, spec=unreadable)
    assert [(change.status, change.spec) for change in told] == [("notStarted", None), ("started", None)]
