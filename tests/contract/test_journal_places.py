"""The journal's places: of jobs that are in each other's way one is claimed, on SQLite and on a real PostgreSQL."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy
from support.journals import Database, open_journal

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Blocked, Claimed, Journal, Phase, Place, Record, request_id
from pfcon.records.schema import HEAD, places

PLUGIN = JobKind.PLUGIN
LONG = "/".join(["d" * 200] * 20)  # nearly PATH_MAX, far beyond what is indexed
A, B = JobId("job-a"), JobId("job-b")


def reads(path: str) -> Place:
    return Place(path, path, writable=False)


def writes(path: str) -> Place:
    return Place(path, path, writable=True)


def claim(journal: Journal, jid: JobId, *wanted: Place) -> Record:
    found = journal.claim(jid, PLUGIN, "r", wanted)
    assert isinstance(found, Claimed), found
    return found.record


def blocked(journal: Journal, jid: JobId, *wanted: Place) -> Blocked | None:
    """Who is in the way; a claim that succeeds is given up."""
    found = journal.claim(jid, PLUGIN, "r", wanted)
    if isinstance(found, Claimed):
        journal.delete(found.record)
        return None
    assert isinstance(found, Blocked)
    return found


def rows(database: Database) -> int:
    opened = open_journal(database)
    with opened, opened.engine.connect() as connection:
        return int(connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(places)).scalar() or 0)


@pytest.mark.parametrize("path", ["home/u/out", "home/u/out/x", "home/u/out/x/y/z", "home/u/out/\u00e9 %_*"])
@pytest.mark.parametrize("wanted", [reads, writes])
def test_nothing_is_claimed_at_or_below_what_another_job_may_write_to(
    journal: Journal, path: str, wanted: Callable[[str], Place]
) -> None:
    mine = claim(journal, A, writes("home/u/out"))
    found = blocked(journal, B, wanted(path))
    assert found is not None
    held = found.by[0]
    assert (held.jid, held.kind, held.above, held.asking, held.wanted.path) == (A, PLUGIN, True, True, path)
    assert held.request == request_id(mine.request, mine.claim)
    assert journal.get(B, PLUGIN) is None


@pytest.mark.parametrize("path", ["home", "home/u", "home/u/out"])
@pytest.mark.parametrize("there", [reads, writes])
def test_no_directory_is_written_to_that_holds_what_another_job_mounts(
    journal: Journal, path: str, there: Callable[[str], Place]
) -> None:
    claim(journal, A, there("home/u/out"))
    found = blocked(journal, B, writes(path))
    assert found is not None
    assert found.by[0].jid == A
    assert blocked(journal, B, reads(path)) is None or (path, there) == ("home/u/out", writes)


@pytest.mark.parametrize(
    "path", ["home/u", "home/u/out2", "home/u/out.d", "home/u/ou", "home/u/out 1/x", "home/u/OUT", "home/v/out"]
)
def test_names_are_compared_by_components(journal: Journal, path: str) -> None:
    claim(journal, A, writes("home/u/out"))
    assert blocked(journal, B, reads(path)) is None
    claim(journal, JobId("reader"), reads("home/u/out.d/x"), writes("home/u/out0/x"))
    assert blocked(journal, B, writes("home/u/ou")) is None


def test_jobs_that_only_read_are_in_nobodys_way(journal: Journal) -> None:
    claim(journal, A, reads("home/u/data"), writes("home/u/feed_1/pl_1/data"))
    claim(journal, B, reads("home/u/data"), writes("home/u/feed_1/pl_2/data"))
    claim(journal, JobId("job-c"), reads("home/u/data/sub"), writes("home/u/data/sub/feed"))


@pytest.mark.parametrize("above", [LONG, LONG[: HEAD - 1], LONG[:HEAD], "d" * HEAD, "d" * (HEAD - 1), "\u00e9" * HEAD])
def test_long_paths_are_told_apart_beyond_what_is_indexed(journal: Journal, above: str) -> None:
    above = above.rstrip("/")
    claim(journal, A, writes(above))
    assert blocked(journal, B, reads(above + "/x")) is not None
    assert blocked(journal, B, reads(above + "x")) is None
    claim(journal, JobId("reader"), reads(above + "y/x"))
    assert blocked(journal, B, writes(above + "y")) is not None
    assert blocked(journal, B, writes(above + "z")) is None


def test_a_claim_that_is_blocked_changes_nothing(database: Database, journal: Journal) -> None:
    claim(journal, A, writes("out"))
    failed = claim(journal, B, reads("in"))
    journal.move(failed, Phase.FINAL, status=JobStatus.FAILED.value, message="boom", ended=True, settled="r.x")
    journal.release(request_id("r", failed.claim))
    before = journal.get(B, PLUGIN), rows(database)
    assert isinstance(journal.claim(B, PLUGIN, "r2", (reads("out/x"),)), Blocked)
    assert (journal.get(B, PLUGIN), rows(database)) == before


def test_the_same_job_posted_again_is_found_whatever_is_in_its_way(journal: Journal) -> None:
    record = claim(journal, A, writes("out"))
    with journal.live.on(record.claim):
        assert journal.claim(A, PLUGIN, "r", (writes("out"),)) == record


def test_an_earlier_try_of_a_job_is_not_in_the_way_of_the_same_directory(journal: Journal) -> None:
    """Nobody can replace a directory from within; what is below it he can."""
    journal.move(claim(journal, A, writes("out")), Phase.FINAL, status=JobStatus.FAILED.value)
    assert isinstance(journal.claim(A, PLUGIN, "r2", (reads("out/x"),)), Blocked)
    assert isinstance(journal.claim(A, PLUGIN, "r2", (writes("out"),)), Claimed)


@pytest.mark.parametrize("phase", [Phase.FINAL, Phase.REMOVED])
def test_a_job_that_was_cancelled_keeps_its_places_while_the_engine_is_asked(journal: Journal, phase: Phase) -> None:
    record = claim(journal, A, writes("out"))
    journal.move(record, Phase.SCHEDULING)
    journal.move(record, phase, status=JobStatus.FAILED.value, ended=phase is Phase.REMOVED)
    found = blocked(journal, B, reads("out/x"))
    assert found is not None
    assert found.by[0].asking
    request = request_id(record.request, record.claim)
    journal.settle(request)
    found = blocked(journal, B, reads("out/x"))
    assert found is not None
    assert not found.by[0].asking
    journal.release(request)
    assert blocked(journal, B, reads("out/x")) is None


@pytest.mark.parametrize("phase", [Phase.FINAL, Phase.REMOVED])
def test_the_end_of_a_job_frees_its_places_with_the_same_write(
    database: Database, journal: Journal, phase: Phase
) -> None:
    record = claim(journal, A, writes("out"), reads("in"))
    journal.move(record, Phase.SCHEDULED, settled=request_id(record.request, record.claim))
    assert blocked(journal, B, reads("out")) is not None
    journal.move(record, phase, status=JobStatus.SUCCEEDED.value, ended=True)
    assert blocked(journal, B, reads("out")) is None
    assert rows(database) == 0


def test_a_forgotten_claim_leaves_no_place(database: Database, journal: Journal) -> None:
    journal.delete(claim(journal, A, writes("out"), reads("in")))
    assert rows(database) == 0


def test_who_takes_a_job_over_asks_for_nothing_until_he_says_so(database: Database, journal: Journal) -> None:
    record = claim(journal, A, writes("out"))
    with open_journal(database) as other:
        taken = other.take_over(record, "new")
        assert taken is not None
        found = blocked(journal, B, reads("out"))
        assert found is not None
        assert not found.by[0].asking
        other.hold(found.by[0].request)
        held = blocked(journal, B, reads("out"))
        assert held is not None
        assert held.by == (replace(found.by[0], asking=True),)
        other.settle_abandoned()
        assert blocked(journal, B, reads("out")) == found


def test_who_asks_the_engine_no_more_is_found_out_by_himself(journal: Journal) -> None:
    with journal.live.on("c"):
        assert isinstance(journal.claim(A, PLUGIN, "r", [writes("out")], claim="c"), Claimed)
        journal.settle_abandoned()
        held = blocked(journal, B, reads("out"))
        assert held is not None
        assert held.by[0].asking
    journal.settle_abandoned()
    found = blocked(journal, B, reads("out"))
    assert found is not None
    assert not found.by[0].asking


def _claim_and_die(database: Database) -> None:
    with open_journal(database) as journal:
        claim(journal, A, writes("out"))
    os._exit(0)


def test_a_process_that_died_asks_for_nothing_any_more(database: Database, journal: Journal) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=(database,))
    process.start()
    process.join()
    found = blocked(journal, B, reads("out"))
    assert found is not None
    assert not found.by[0].asking


def _won(journal: Journal, number: int) -> bool:
    """One of many jobs that are all in each other's way, from above and from below."""
    wanted = (writes("a/b"),) if number % 2 else (writes(f"out/{number}"), reads("a/b/c"))
    return isinstance(journal.claim(JobId(f"j{os.getpid()}.{number}"), PLUGIN, "r", wanted), Claimed)


def _not_both(numbers: Sequence[int]) -> bool:
    """Of writers one alone; readers never beside one."""
    return len(numbers) == 1 if any(number % 2 for number in numbers) else len(numbers) > 0


def test_of_many_claims_at_once_none_is_in_anothers_way(journal: Journal) -> None:
    with ThreadPoolExecutor(16) as pool:
        won = [number for number, got in enumerate(pool.map(lambda n: _won(journal, n), range(64))) if got]
    assert _not_both(won)


def _claim_some(database: Database) -> list[int]:
    with open_journal(database) as journal, ThreadPoolExecutor(4) as pool:
        return [number for number, got in enumerate(pool.map(lambda n: _won(journal, n), range(12))) if got]


def test_of_claims_of_several_processes_none_is_in_anothers_way(database: Database) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        won = [number for numbers in pool.map(_claim_some, [database] * 3) for number in numbers]
    assert _not_both(won)
