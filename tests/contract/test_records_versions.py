"""Versions of the records: those of an earlier release are brought up to date, those of a newer one are refused."""

import logging
import multiprocessing
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from support.journals import Database, open_journal
from support.old_records import LIST_INDEXES, insert_old, release_before, version_of
from support.transfers import FULL

from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Listing, Query
from pfcon.records.database import connect
from pfcon.records.schema import metadata, versions
from pfcon.records.versions import CURRENT, MIGRATIONS, NewerSchema

OLD_TIME = datetime.fromtimestamp(1.5e9, UTC)


def set_version(engine: Engine, version: int, readable_by: int) -> None:
    """What a migration of a newer release leaves."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": f"{version:04d}"})
        connection.execute(versions.update().values(readable_by=readable_by))


def indexes_of(connection: Connection) -> dict[str, str]:
    """The statements that make the indexes, by name."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''"))
    else:
        own = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        rows = connection.execute(text(own))
    return {name: " ".join(sql.split()) for name, sql in rows if not name.startswith("alembic_")}


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    made = connect(*database)
    yield made
    made.dispose()


def test_the_newest_migration_leads_to_the_current_version(engine: Engine) -> None:
    assert sorted(path.stem for path in (MIGRATIONS / "versions").glob("v*.py"))[-1] == f"v{CURRENT:04d}"
    assert version_of(engine) == f"{CURRENT:04d}"


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")  # see the next
def test_the_migrations_make_the_tables_that_the_code_uses(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_migrations_make_the_indexes_that_the_code_uses(engine: Engine) -> None:
    with engine.begin() as connection:
        migrated = indexes_of(connection)
        assert migrated.keys() >= {*LIST_INDEXES, "jobs_by_phase", "places_by_head"}
        metadata.drop_all(connection)
        metadata.create_all(connection)
        made = indexes_of(connection)
    assert made == migrated


def test_on_sqlite_the_long_texts_are_at_the_end_of_a_row(tmp_path: Path) -> None:
    """What is behind them can't be read without them. PostgreSQL has them elsewhere."""
    engine = connect(None, tmp_path)
    with engine.connect() as connection:
        names = [row[1] for row in connection.execute(text("PRAGMA table_info(jobs)"))]
    engine.dispose()
    assert names[-3:] == ["notes", "spec", "logs"]


def test_a_database_of_the_release_before_versions_opens_with_its_jobs(database: Database) -> None:
    old = release_before(database)
    with old.begin() as connection:
        insert_old(connection, "old-unended", finished_at=None)
    old.dispose()
    with open_journal(database) as journal:
        record = journal.get(JobId("old-1"), JobKind.PLUGIN)
        assert record is not None
        assert (record.logs, record.nfiles) == ("done\n", 3)
        assert record.created_at == record.finished_at == OLD_TIME  # the nearest time that its row has
        unended = journal.get(JobId("old-unended"), JobKind.PLUGIN)
        assert unended is not None
        assert unended.created_at == OLD_TIME + timedelta(seconds=9)  # its last change
        assert isinstance(journal.claim(JobId("new"), JobKind.PLUGIN, "r"), Claimed)


def test_the_log_has_one_line_for_a_migration(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("alembic").setLevel(logging.NOTSET)  # as in a new process
    connect(*database).dispose()
    assert caplog.messages == [f"the tables of the records were made with version {CURRENT}"]
    connect(*database).dispose()
    assert len(caplog.messages) == 1
    old = release_before(database)
    old.dispose()
    connect(*database).dispose()
    assert caplog.messages[1:] == [f"the tables of the records were migrated from version 0 to {CURRENT}"]


def test_the_release_before_versions_goes_on_beside_this_one(database: Database) -> None:
    """As in a rolling restart."""
    old = release_before(database)
    connect(*database).dispose()
    with old.begin() as connection:
        insert_old(connection, "old-2")
    old.dispose()
    with open_journal(database) as journal:
        record = journal.get(JobId("old-2"), JobKind.PLUGIN)
        assert record is not None
        assert record.created_at is None
        listed = Listing(journal.database).page(Query(10)).entries
        assert [(entry.jid, entry.created_at) for entry in listed] == [("old-1", OLD_TIME), ("old-2", None)]


def test_a_newer_release_that_only_adds_something_is_no_obstacle(engine: Engine, database: Database) -> None:
    set_version(engine, CURRENT + 5, CURRENT)
    with open_journal(database) as journal:
        assert journal.get(JobId("x"), JobKind.PLUGIN) is None
    assert version_of(engine) == f"{CURRENT + 5:04d}"


def test_a_newer_release_that_changes_something_is_refused_by_name(engine: Engine, database: Database) -> None:
    set_version(engine, CURRENT + 5, CURRENT + 1)
    with pytest.raises(NewerSchema, match=f"has version {CURRENT + 5}, of a newer pfcon") as refusal:
        connect(*database)
    assert f"up to {CURRENT}" in str(refusal.value)


def test_a_service_that_runs_while_a_newer_release_changes_the_records_refuses_all_until_they_are_restored(
    engine: Engine, database: Database
) -> None:
    with open_journal(database) as journal:
        set_version(engine, CURRENT + 1, CURRENT + 1)
        for _ in range(2):
            with pytest.raises(NewerSchema):
                journal.renew_lease()
            with pytest.raises(NewerSchema):
                journal.get(JobId("x"), JobKind.PLUGIN)
            with pytest.raises(NewerSchema):
                journal.database.require_usable()
        set_version(engine, CURRENT, 1)
        journal.renew_lease()
        assert journal.get(JobId("x"), JobKind.PLUGIN) is None


def _open(database: Database) -> str:
    with open_journal(database) as journal:
        return type(journal.claim(JobId("same"), JobKind.PLUGIN, "r")).__name__


def test_several_processes_that_open_an_old_database_at_the_same_time_migrate_it_once(database: Database) -> None:
    release_before(database).dispose()
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(_open, [database] * 8)
    assert sorted(found) == ["Claimed"] + ["Record"] * 7


def test_a_migration_that_fails_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    release_before(database).dispose()
    copy = database[1] / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    with (copy / "versions" / "v0002.py").open("a") as file:
        file.write("\n    raise OSError('no more')\n")
    with monkeypatch.context() as changed:
        changed.setattr("pfcon.records.versions.MIGRATIONS", copy)
        with pytest.raises(OSError, match="no more"):
            connect(*database)
    with open_journal(database) as journal:
        assert journal.get(JobId("old-1"), JobKind.PLUGIN) is not None


def test_the_release_before_places_goes_on_beside_this_one_and_its_records_are_kept(database: Database) -> None:
    """Of version 4; what it writes has no place."""
    old = connect(*database)
    columns = sorted(FULL.keys() - {"placed_at"})
    with old.begin() as connection:
        for table in ("jobs", "events"):
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN placed_at"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
        insert_old(connection, "old-1")
        connection.execute(text("UPDATE jobs SET " + ", ".join(f"{name} = :{name}" for name in columns)), FULL)
    connect(*database).dispose()
    with old.begin() as connection:
        kept = connection.execute(text(f"SELECT placed_at, {', '.join(columns)} FROM jobs")).mappings().one()
        assert dict(kept) == {**FULL, "placed_at": None}
        insert_old(connection, "old-2")
    old.dispose()
    with open_journal(database) as journal:
        entries = Listing(journal.database).page(Query(10)).entries
    assert [(entry.jid, entry.details.placed_at) for entry in entries] == [("old-1", None), ("old-2", None)]
