"""The limits of active jobs, on SQLite and on a real PostgreSQL."""

import multiprocessing
import time

import pytest
from support.journals import Database, open_journal

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import NO_LIMITS, Claimed, Journal, Phase, Place, Record, TooMany
from pfcon.settings.jobs import ActiveLimits

PLUGIN = JobKind.PLUGIN
TWO = ActiveLimits(jobs=2)
TWO_EACH = ActiveLimits(jobs_of_owner=2)


def claim(
    journal: Journal, jid: str, owner: str | None = "u", kind: JobKind = PLUGIN, limits: ActiveLimits = TWO
) -> Record | None:
    """The record of a job that was claimed; None if the limit was reached."""
    found = journal.claim(JobId(jid), kind, "r", limits=limits, auid=owner)
    if isinstance(found, TooMany):
        assert journal.get(JobId(jid), kind) is None
        return None
    assert isinstance(found, Claimed)
    return found.record


def must(record: Record | None) -> Record:
    assert record is not None
    return record


def test_a_job_above_the_limit_is_refused_with_the_numbers(journal: Journal) -> None:
    assert claim(journal, "a")
    assert claim(journal, "b")
    assert journal.claim(JobId("c"), PLUGIN, "r", limits=TWO, auid="u") == TooMany(active=2, limit=2)
    assert journal.get(JobId("c"), PLUGIN) is None


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED])
def test_a_job_counts_until_its_end_is_recorded(journal: Journal, phase: Phase) -> None:
    first, _ = must(claim(journal, "a")), must(claim(journal, "b"))
    if phase is not Phase.STAGING:
        journal.move(first, phase)
    assert claim(journal, "c") is None
    journal.move(first, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    assert claim(journal, "c")


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED])
def test_a_repeated_claim_of_a_job_is_answered_with_it(journal: Journal, status: JobStatus) -> None:
    ended = must(claim(journal, "ended"))
    journal.move(ended, Phase.FINAL, status=status.value)
    assert claim(journal, "a")
    assert claim(journal, "b")
    again = journal.claim(JobId("b"), PLUGIN, "r", limits=TWO, auid="u")
    assert isinstance(again, Record)
    answer = journal.claim(JobId("ended"), PLUGIN, "r", limits=TWO, auid="u")
    assert isinstance(answer, Record if status is JobStatus.SUCCEEDED else TooMany)  # a failed one would begin again
    assert must(journal.get(JobId("ended"), PLUGIN)).status is status


def test_only_jobs_of_the_kind_count(journal: Journal) -> None:
    for number in range(3):
        for kind in (JobKind.COPY, JobKind.UPLOAD, JobKind.DELETE):
            assert claim(journal, f"j{number}", None, kind, NO_LIMITS)
    assert claim(journal, "a")
    assert claim(journal, "b")
    assert claim(journal, "c") is None


def test_each_owner_has_its_own_limit(journal: Journal) -> None:
    assert claim(journal, "a", "ann", limits=TWO_EACH)
    assert claim(journal, "b", "ann", limits=TWO_EACH)
    assert journal.claim(JobId("c"), PLUGIN, "r", limits=TWO_EACH, auid="ann") == TooMany(2, 2, "ann")
    assert claim(journal, "d", "Ann", limits=TWO_EACH)
    assert claim(journal, "e", None, limits=TWO_EACH)


def test_a_refused_job_leaves_no_places(journal: Journal) -> None:
    place = Place("d", "d", writable=True)
    assert claim(journal, "a")
    last = must(claim(journal, "b"))
    assert isinstance(journal.claim(JobId("c"), PLUGIN, "r", [place], TWO, auid="u"), TooMany)
    journal.move(last, Phase.FINAL)
    assert isinstance(journal.claim(JobId("e"), PLUGIN, "r", [place], TWO, auid="u"), Claimed)


def _claim_all(database: Database, limits: ActiveLimits, first: int, start: float) -> int:
    with open_journal(database) as journal:
        time.sleep(max(0.0, start - time.time()))
        return sum(claim(journal, f"j{first + number}", limits=limits) is not None for number in range(25))


@pytest.mark.parametrize("limits", [ActiveLimits(jobs=10), ActiveLimits(jobs_of_owner=10)])
def test_processes_that_claim_at_the_same_time_do_not_exceed_the_limit(
    database: Database, limits: ActiveLimits
) -> None:
    start = time.time() + 3
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_claim_all, [(database, limits, 100 * process, start) for process in range(4)])
    assert sum(won) == 10
