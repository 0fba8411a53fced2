"""What followers of a log get: states from one query for all of them, and the end."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from sqlalchemy import event

from pfcon.errors import Absent, Unreachable
from pfcon.jobs.logs import followed_records, news
from pfcon.jobs.logs.followed_records import FollowedJobs
from pfcon.jobs.logs.lines import Lines
from pfcon.jobs.logs.news import REMOVED, News, State, follow
from pfcon.jobs.logs.part import LogPart
from pfcon.jobs.logs.service import JobLogs
from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Claimed, Journal, Phase, Record
from pfcon.records.database import connect
from pfcon.records.rows import IN_PHASE
from pfcon.testing.waiting import eventually

PLUGIN = JobKind.PLUGIN
FINAL: dict[str, Any] = {"status": "finishedSuccessfully", "exit_code": 0}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    engine = connect(None, tmp_path)
    yield Journal(lambda: engine)
    engine.dispose()


@pytest.fixture
def followed(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Iterator[FollowedJobs]:
    monkeypatch.setattr(followed_records, "POLL", 0.05)
    monkeypatch.setattr(news, "LOOK", 0.01)
    yield FollowedJobs(journal)
    assert eventually(lambda: all(thread.name != "followed jobs" for thread in threading.enumerate()))


def claim(journal: Journal, jid: str) -> Record:
    """A new job on its engine."""
    claimed = journal.claim(JobId(jid), PLUGIN, "r")
    assert isinstance(claimed, Claimed)
    assert journal.move(claimed.record, Phase.SCHEDULED, status="started", message="")
    return claimed.record


class Log:
    """A log in memory. The engine loses it with ``lost``."""

    def __init__(self, data: bytes = b"", *, complete: bool = False) -> None:
        self.data, self.complete, self.lost = data, complete, False

    def read_of(self, record: Record, offset: int, most: int) -> LogPart:
        if self.lost:
            raise Absent("the engine has no such job")
        complete = self.complete and record.phase is Phase.FINAL
        return LogPart(offset, self.data[offset : offset + most], len(self.data), complete)


class Follower:
    """The news of a follower."""

    def __init__(self, log: Log, job: followed_records.Following, at: int = 0) -> None:
        self._source = follow(cast(JobLogs, log), job, at)
        self.found: list[News] = []

    def ends(self) -> bool:
        """Ask until nothing is new; whether the end was there."""
        for one in self._source:
            if one is None:
                return False
            self.found.append(one)
        return True


def test_all_followers_share_one_query_and_see_each_change(followed: FollowedJobs, journal: Journal) -> None:
    records = [claim(journal, f"j{number}") for number in range(20)]
    log = Log(b"one\n", complete=True)
    with ExitStack() as stack:
        jobs = [stack.enter_context(followed.following(record.jid, PLUGIN)) for record in records * 3]
        followers = [Follower(log, job) for job in jobs]
        assert not any(follower.ends() for follower in followers)
        assert eventually(
            lambda: all(one.job.mark is not None for one in jobs)
        )  # what was read at first is compared once
        queries: list[str] = []
        event.listen(journal.database.engine, "before_cursor_execute", lambda *words: queries.append(words[2]))
        begun = time.monotonic()
        time.sleep(1)
        assert len(queries) <= (time.monotonic() - begun) / followed_records.POLL + 1
        for record in records:
            assert journal.move(record, Phase.FINAL, message="", **FINAL)
        assert eventually(lambda: all(follower.ends() for follower in followers))
    assert {tuple(follower.found) for follower in followers} == {
        (
            State("started"),
            Lines("one\n", 4),
            State("finishedSuccessfully", exit_code=0),
            State("finishedSuccessfully", exit_code=0, ends=True),
        )
    }
    assert eventually(lambda: all(thread.name != "followed jobs" for thread in threading.enumerate()))
    before = len(queries)
    time.sleep(5 * followed_records.POLL)
    assert len(queries) == before  # nobody asks without followers


def test_followers_go_on_after_the_database_was_away(
    followed: FollowedJobs, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record, log, polls = claim(journal, "j"), Log(b"one\n", complete=True), [0]

    def away(*_: object) -> NoReturn:
        polls[0] += 1
        raise Unreachable("the database is away")

    with followed.following(record.jid, PLUGIN) as job:
        follower = Follower(log, job)
        with monkeypatch.context() as patch:
            patch.setattr(followed_records, "read_marks", away)
            assert eventually(lambda: polls[0] > 3)
            log.data += b"two\n"
            assert eventually(lambda: not follower.ends() and Lines("one\ntwo\n", 8) in follower.found)
        assert journal.move(record, Phase.FINAL, message="", **FINAL)
        assert eventually(follower.ends)
    assert caplog.text.count("the database is away") == 1


def test_an_unknown_job_is_absent(followed: FollowedJobs, journal: Journal) -> None:
    journal.renew_lease()
    with pytest.raises(Absent), followed.following(JobId("j"), PLUGIN):
        pass


@pytest.mark.parametrize("how", ["removed", "posted again"])
def test_a_job_that_is_gone_ends_its_followers(followed: FollowedJobs, journal: Journal, how: str) -> None:
    record = claim(journal, "j")
    with followed.following(record.jid, PLUGIN) as job:
        follower = Follower(Log(b"one\n"), job)
        assert not follower.ends()
        if how == "removed":
            journal.delete(record)
        else:
            assert journal.move(record, Phase.FINAL, status="finishedWithError", message="")
            assert isinstance(journal.claim(record.jid, PLUGIN, "other"), Claimed)
        assert eventually(follower.ends)
    last = follower.found[-1]
    assert isinstance(last, State)
    assert (last.status, last.ends) == (REMOVED, True)
    assert how in last.message


def test_who_follows_a_job_that_was_posted_again_is_told_of_the_new_one(
    followed: FollowedJobs, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_records, "POLL", 3600)
    record = claim(journal, "j")
    with followed.following(record.jid, PLUGIN) as old:
        assert journal.move(record, Phase.FINAL, status="finishedWithError", message="")
        claim(journal, "j")
        with followed.following(record.jid, PLUGIN) as new:
            for job, status in [(old, REMOVED), (new, "started")]:
                follower = Follower(Log(b"one\n"), job)
                assert follower.ends() is (job is old)
                assert isinstance(follower.found[0], State)
                assert follower.found[0].status == status


def ended(journal: Journal, followed: FollowedJobs, log: Log, **values: Any) -> tuple[list[News], float]:
    """The news of a job that has ended, and the seconds that they took."""
    record = claim(journal, "j")
    assert journal.move(record, Phase.FINAL, message="", **{**FINAL, **values})
    begun = time.monotonic()
    with followed.following(record.jid, PLUGIN) as job:
        follower = Follower(log, job)
        assert eventually(follower.ends)
    return follower.found, time.monotonic() - begun


def test_the_end_waits_for_the_rest_of_the_log_but_not_for_ever(
    followed: FollowedJobs, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "PATIENCE", 1.0)
    found, seconds = ended(journal, followed, Log(b"one\ntw"))
    assert 1.0 <= seconds < 20
    assert found[1:] == [Lines("one\n", 4), State("finishedSuccessfully", exit_code=0, ends=True)]


def test_a_log_that_the_engine_has_lost_ends_with_its_job(followed: FollowedJobs, journal: Journal) -> None:
    log = Log(b"one\n")
    log.lost = True
    found, seconds = ended(journal, followed, log)
    assert seconds < news.PATIENCE
    assert [type(one) for one in found] == [State, State]


def test_a_state_that_the_engine_does_not_know_now_is_no_news(followed: FollowedJobs, journal: Journal) -> None:
    record = claim(journal, "j")
    with followed.following(record.jid, PLUGIN) as job:
        follower = Follower(Log(), job)
        assert not follower.ends()
        read = journal.get(record.jid, PLUGIN)
        assert read is not None
        assert journal.update(IN_PHASE[Phase.SCHEDULED], read, {"status": JobStatus.UNDEFINED.value})
        assert eventually(lambda: job.record is not None and job.record.status is JobStatus.UNDEFINED)
        assert not follower.ends()
    assert follower.found == [State("started")]
