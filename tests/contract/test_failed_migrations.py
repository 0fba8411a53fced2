"""Migrations of the records that can't be made now: nothing is changed, and a sentence says why."""

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from support.journals import Database
from support.old_records import insert_old, release_before, version_of
from support.postgresql import own_schema
from support.small_disk import small_disk

from pfcon.records import versions as migrating
from pfcon.records.database import FILE_NAME, connect
from pfcon.records.versions import CURRENT, MigrationFailed, MigrationFull
from pfcon.testing.waiting import eventually
from pfcon.units import MIB


class NoRoom:
    """What ``disk_usage`` returns."""

    free = 1000


@pytest.fixture
def old(tmp_path: Path) -> Database:
    """SQLite's file of the release before versions."""
    release_before((None, tmp_path)).dispose()
    return None, tmp_path


def is_unchanged(database: Database) -> bool:
    with closing(sqlite3.connect(database[1] / FILE_NAME)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
        found = connection.execute("SELECT jid FROM jobs").fetchall()
    return "created_at" not in columns and found == [("old-1",)]


def test_without_room_for_the_migration_it_does_not_begin(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr("pfcon.records.versions.disk_usage", lambda path: NoRoom)
        with pytest.raises(
            MigrationFull, match=r"needs \d+\.\d KiB of free space, 3 times .* has 1000 bytes: free some"
        ):
            connect(*old)
        assert is_unchanged(old)
        fresh = old[1] / "fresh"
        fresh.mkdir()
        connect(None, fresh).dispose()  # no rows are written anew
    connect(*old).dispose()
    with monkeypatch.context() as changed:
        changed.setattr("pfcon.records.versions.disk_usage", lambda path: NoRoom)
        connect(*old).dispose()  # nothing is to be migrated


def test_the_service_does_not_start_without_room_for_the_migration(old: Database, tmp_path: Path) -> None:
    with small_disk(tmp_path / "storeBase", "tmpfs") as disk:
        directory = disk.path / ".pfcon" / "records"
        directory.mkdir(parents=True)
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
            connection.execute("UPDATE jobs SET logs = ?", ("x" * 2 * MIB,))
        shutil.copy(tmp_path / FILE_NAME, directory)
        disk.fill()
        os.truncate(disk.path / "filler", (disk.path / "filler").stat().st_size - MIB)
        environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(disk.path)}
        done = subprocess.run(
            [sys.executable, "-m", "pfcon", "serve"],
            env={**os.environ, **environ, "PFCON_LISTEN_PORT": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 1
        assert "the records of an earlier release can't be brought up to date" in done.stderr
        assert "Traceback" not in done.stderr
        assert is_unchanged((None, directory))


class PostgresqlError(Exception):
    """As psycopg raises it."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def test_locked_tables_are_tried_again_and_the_log_has_one_line(
    old: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    migrate, begun = migrating._migrate, []

    def busy(connection: Connection) -> None:
        begun.append(connection)
        if len(begun) < 3:
            connection.execute(text("DELETE FROM jobs"))  # is undone
            raise OperationalError("ALTER", {}, PostgresqlError("55P03", "canceling statement due to lock timeout"))
        migrate(connection)

    monkeypatch.setattr(migrating, "PAUSE", 0.0)
    monkeypatch.setattr(migrating, "_migrate", busy)
    engine = connect(*old)
    assert version_of(engine) == f"{CURRENT:04d}"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 1
    engine.dispose()
    assert len(begun) == 3
    assert len([record for record in caplog.records if record.name == migrating.__name__]) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationalError("ALTER", {}, PostgresqlError("55P03", "lock timeout")), "in 5 attempts, other transactions"),
        (
            ProgrammingError("ALTER", {}, PostgresqlError("42501", "must be owner\nof")),
            r"may not .*\(must be owner\)",
        ),
    ],
)
def test_a_migration_that_the_database_refuses_is_told_in_a_sentence(
    old: Database, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def refuse(_connection: Connection) -> None:
        raise error

    monkeypatch.setattr(migrating, "PAUSE", 0.0)
    monkeypatch.setattr(migrating, "_migrate", refuse)
    with pytest.raises(MigrationFailed, match=told):
        connect(*old)
    assert is_unchanged(old)


def test_a_migration_does_not_block_the_service_of_the_earlier_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL: a change of a table waits for running transactions, and all later ones wait for the change."""
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", 1)
    with own_schema() as url:
        before = release_before((url, tmp_path))
        with before.connect() as reader, ThreadPoolExecutor(1) as pool:
            reader.execute(text("SELECT * FROM jobs"))
            migration = pool.submit(connect, url, tmp_path)
            assert eventually(lambda: "brought up to date yet" in caplog.text)
            with before.begin() as writer:
                writer.execute(text("SET LOCAL statement_timeout = '4s'"))
                insert_old(writer, "old-2")
            reader.rollback()
            engine = migration.result()
        assert version_of(engine) == f"{CURRENT:04d}"
        engine.dispose()
        before.dispose()
