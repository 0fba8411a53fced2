"""When SQLite's write-ahead log is emptied. It may contain environments that earlier releases have recorded."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from support.records import add, job_row, rows_of

from pfcon.records.database import FILE_NAME, LOCK_TIMEOUT, connect


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Engine]:
    """The connections of a service that has written."""
    made = connect(None, tmp_path)
    add(made, [job_row("j")])
    yield made
    made.dispose()


def log_size(directory: Path) -> int:
    return (directory / f"{FILE_NAME}-wal").stat().st_size


def test_only_the_start_of_the_service_empties_the_log(service: Engine, tmp_path: Path) -> None:
    assert log_size(tmp_path) > 0
    connect(None, tmp_path).dispose()
    assert log_size(tmp_path) > 0
    connect(None, tmp_path, truncate_log=True).dispose()
    assert log_size(tmp_path) == 0


@pytest.mark.parametrize("statement", ["BEGIN; SELECT * FROM jobs", "BEGIN IMMEDIATE"])
def test_the_start_waits_neither_for_readers_nor_for_writers(service: Engine, tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        for one in statement.split(";"):
            other.execute(one).fetchall()
        if "SELECT" in statement:
            add(service, [job_row("later")])  # what the reader must not see keeps the log
        begun = time.monotonic()
        engine = connect(None, tmp_path, truncate_log=True)
        assert time.monotonic() - begun < LOCK_TIMEOUT / 3
        assert log_size(tmp_path) > 0
        assert "j" in [row["jid"] for row in rows_of(engine)[0]]
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA busy_timeout")).scalar() == LOCK_TIMEOUT * 1000
        engine.dispose()


def test_a_log_that_can_not_be_emptied_does_not_prevent_the_start(
    service: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk is full."""
    monkeypatch.setattr("pfcon.records.database.EMPTY_LOG", "no statement")
    engine = connect(None, tmp_path, truncate_log=True)
    assert len(rows_of(engine)[0]) == 1
    engine.dispose()
