"""The reason for which a job waits is recorded while it waits, on SQLite and on a real PostgreSQL."""

import pytest

from pfcon.models import JobId, JobInfo, JobKind, JobStatus
from pfcon.reasons import Reason
from pfcon.records import Claimed, Journal, Phase, Record
from pfcon.records.listing import Listing, Query

JID = JobId("chris-jid-1")
PLUGIN = JobKind.PLUGIN
WAITS = JobInfo("j", JobStatus.NOT_STARTED, "no machine can run the job now", reason=Reason.UNSCHEDULABLE)


@pytest.fixture
def waiting(journal: Journal) -> Record:
    """A job that waits for a reason."""
    claimed = journal.claim(JID, PLUGIN, "r1")
    assert isinstance(claimed, Claimed)
    journal.live.begin(claimed.record.claim)
    journal.move(claimed.record, Phase.SCHEDULING, spec="")
    journal.move(claimed.record, Phase.SCHEDULED)
    journal.save_status(recorded(journal), WAITS, "")
    return recorded(journal)


def recorded(journal: Journal) -> Record:
    record = journal.get(JID, PLUGIN)
    assert record is not None
    return record


def shown(journal: Journal) -> tuple[str, str]:
    """The reason in an answer about the job, and in the list."""
    (entry,) = Listing(journal.database).page(Query(10)).entries
    return recorded(journal).info.reason, entry.reason


@pytest.mark.usefixtures("waiting")
def test_a_job_that_waits_has_its_reason(journal: Journal) -> None:
    assert shown(journal) == (Reason.UNSCHEDULABLE, Reason.UNSCHEDULABLE)


def test_a_job_that_runs_has_none(journal: Journal, waiting: Record) -> None:
    journal.save_status(waiting, JobInfo("j", JobStatus.STARTED), "")
    assert shown(journal) == ("", "")


def test_the_next_attempt_has_none(journal: Journal, waiting: Record) -> None:
    journal.begin_again(waiting, "c2")
    assert shown(journal) == ("", "")
    journal.move(recorded(journal), Phase.SCHEDULED)
    assert shown(journal) == ("", "")


def test_a_success_has_none(journal: Journal, waiting: Record) -> None:
    journal.move(waiting, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    assert shown(journal) == ("", "")
