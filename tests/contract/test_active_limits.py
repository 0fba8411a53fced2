"""The limits of active jobs, on SQLite and on a real PostgreSQL."""

import multiprocessing
import time
from collections.abc import Iterator

import pytest
from support.journals import Database, open_journal

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Claimed, Journal, Phase, Place, Record, TooMany
from pfcon.settings.jobs import ActiveLimits

PLUGIN = JobKind.PLUGIN
TWO = ActiveLimits(jobs=2)
TWO_EACH = ActiveLimits(jobs_of_owner=2)


@pytest.fixture
def two(database: Database) -> Iterator[Journal]:
    """The journal of a process that allows two active jobs."""
    with open_journal(database, TWO) as journal:
        yield journal


def claim(journal: Journal, jid: str, owner: str | None = "u", kind: JobKind = PLUGIN) -> Record | None:
    """The record of a job that was claimed; None if the limit was reached."""
    found = journal.claim(JobId(jid), kind, "r", auid=owner)
    if isinstance(found, TooMany):
        assert journal.get(JobId(jid), kind) is None
        return None
    assert isinstance(found, Claimed)
    return found.record


def must(record: Record | None) -> Record:
    assert record is not None
    return record


def test_a_job_above_the_limit_is_refused_with_the_numbers(two: Journal) -> None:
    assert claim(two, "a")
    assert claim(two, "b")
    assert two.claim(JobId("c"), PLUGIN, "r", auid="u") == TooMany(active=2, limit=2)
    assert two.get(JobId("c"), PLUGIN) is None


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED])
def test_a_job_counts_until_its_end_is_recorded(two: Journal, phase: Phase) -> None:
    first, _ = must(claim(two, "a")), must(claim(two, "b"))
    if phase is not Phase.STAGING:
        two.move(first, phase)
    assert claim(two, "c") is None
    two.move(first, Phase.FINAL, status=JobStatus.SUCCEEDED.value)
    assert claim(two, "c")


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED])
def test_a_repeated_claim_of_a_job_is_answered_with_it(two: Journal, status: JobStatus) -> None:
    ended = must(claim(two, "ended"))
    two.move(ended, Phase.FINAL, status=status.value)
    assert claim(two, "a")
    assert claim(two, "b")
    again = two.claim(JobId("b"), PLUGIN, "r", auid="u")
    assert isinstance(again, Record)
    answer = two.claim(JobId("ended"), PLUGIN, "r", auid="u")
    assert isinstance(answer, Record if status is JobStatus.SUCCEEDED else TooMany)  # a failed one would begin again
    assert must(two.get(JobId("ended"), PLUGIN)).status is status


def test_only_plugin_jobs_count(two: Journal) -> None:
    for number in range(3):
        for kind in (JobKind.COPY, JobKind.UPLOAD, JobKind.DELETE):
            assert claim(two, f"j{number}", None, kind)
    assert claim(two, "a")
    assert claim(two, "b")
    assert claim(two, "c") is None
    assert claim(two, "c", None, JobKind.COPY)


def test_each_owner_has_its_own_limit(database: Database) -> None:
    with open_journal(database, TWO_EACH) as journal:
        assert claim(journal, "a", "ann")
        assert claim(journal, "b", "ann")
        assert journal.claim(JobId("c"), PLUGIN, "r", auid="ann") == TooMany(2, 2, "ann")
        assert claim(journal, "d", "Ann")
        assert claim(journal, "e", None)


def test_a_refused_job_leaves_no_places(two: Journal) -> None:
    place = Place("d", "d", writable=True)
    assert claim(two, "a")
    last = must(claim(two, "b"))
    assert isinstance(two.claim(JobId("c"), PLUGIN, "r", [place], auid="u"), TooMany)
    two.move(last, Phase.FINAL)
    assert isinstance(two.claim(JobId("e"), PLUGIN, "r", [place], auid="u"), Claimed)


def _claim_all(database: Database, limits: ActiveLimits, first: int, start: float) -> int:
    with open_journal(database, limits) as journal:
        time.sleep(max(0.0, start - time.time()))
        return sum(claim(journal, f"j{first + number}") is not None for number in range(25))


@pytest.mark.parametrize("limits", [ActiveLimits(jobs=10), ActiveLimits(jobs_of_owner=10)])
def test_processes_that_claim_at_the_same_time_do_not_exceed_the_limit(
    database: Database, limits: ActiveLimits
) -> None:
    start = time.time() + 3
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_claim_all, [(database, limits, 100 * process, start) for process in range(4)])
    assert sum(won) == 10
