"""A service process that stops within a transaction on PostgreSQL: the others go on, and so does it afterwards."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import update
from support.journals import open_journal
from support.postgresql import own_schema

from pfcon.errors import Unreachable
from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Journal, database, events, versions
from pfcon.records.export import export_records
from pfcon.records.reading import ROWS
from pfcon.records.schema import event_counter

pytestmark = pytest.mark.engine("postgresql")
STOPPED, AGAIN, OTHER = JobId("stopped"), JobId("again"), JobId("other")


@pytest.fixture
def url() -> Iterator[str]:
    with own_schema() as made:
        yield made


def _claim_and_stop(url: str, results: Connection) -> None:
    """A process that stops while it holds the lock on the counter of events, and later goes on."""
    database.POSTGRESQL_SESSION["idle_in_transaction_session_timeout"] = "2s"

    class StoppingClock:
        @staticmethod
        def time() -> float:
            events.time = time  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGSTOP)
            return time.time()

    with open_journal((url, Path())) as journal:
        events.time = StoppingClock  # type: ignore[attr-defined,assignment]
        for jid in (STOPPED, AGAIN):
            try:
                journal.claim(jid, JobKind.PLUGIN, "r")
                results.send("claimed")
            except Unreachable as error:
                results.send(str(error))


def test_a_process_that_is_stopped_within_a_transaction_does_not_stop_the_others(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe()
    with open_journal((url, Path())) as journal:
        child = context.Process(target=_claim_and_stop, args=(url, its))
        child.start()
        try:
            assert child.pid is not None
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
            begun = time.monotonic()
            assert isinstance(journal.claim(OTHER, JobKind.PLUGIN, "r"), Claimed)
            assert time.monotonic() - begun < 15
            os.kill(child.pid, signal.SIGCONT)
            assert "does not answer" in mine.recv()
            assert mine.recv() == "claimed"
        finally:
            child.kill()
            child.join()
        found = events.EventLog(journal.database).read(0, 10).events
        assert [(one.id, one.jid) for one in found] == [(1, OTHER), (2, AGAIN)]
        assert journal.get(STOPPED, JobKind.PLUGIN) is None


def test_a_request_does_not_wait_for_a_lock_for_good(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database.POSTGRESQL_SESSION, "lock_timeout", "500ms")
    with open_journal((url, Path())) as journal, journal.database.engine.begin() as connection:
        connection.execute(update(event_counter).values(last=event_counter.c.last))
        with pytest.raises(Unreachable, match="lock timeout"):
            journal.claim(OTHER, JobKind.PLUGIN, "r")


def test_a_process_waits_for_the_migration_of_another_one_as_long_as_it_takes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database.POSTGRESQL_SESSION, "lock_timeout", "500ms")
    monkeypatch.setattr(versions, "ATTEMPTS", 1)
    migrating = sqlalchemy.create_engine(url)
    with migrating.begin() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({versions._ADVISORY_LOCK})"))
        connecting = pool.submit(database.connect, url, Path())
        time.sleep(1.5)
        assert not connecting.done()
        connection.rollback()
        connecting.result().dispose()
    migrating.dispose()


def test_an_export_may_pause(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database.POSTGRESQL_SESSION, "idle_in_transaction_session_timeout", "500ms")
    with open_journal((url, Path())) as journal:
        for number in range(ROWS * 2):
            journal.claim(JobId(f"j{number}"), JobKind.PLUGIN, "r")

        def write(line: str) -> None:
            if '"j0"' in line:
                time.sleep(1.5)

        assert export_records(journal.database.engine, write, lambda *_: None) == ROWS * 2


def test_what_the_url_sets_is_kept(url: str) -> None:
    options = str(sqlalchemy.make_url(url).query["options"]) + " -clock_timeout=7s"
    own = sqlalchemy.make_url(url).update_query_dict({"options": options}).render_as_string(hide_password=False)
    for each, expected in ((url, "30s"), (own, "7s")):
        with open_journal((each, Path())) as journal:
            assert _shown(journal, "lock_timeout") == expected
            assert _shown(journal, "idle_in_transaction_session_timeout") == "15s"
            assert "pfcon_test" in _shown(journal, "search_path")


def _shown(journal: Journal, name: str) -> str:
    with journal.database.engine.connect() as connection:
        return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
