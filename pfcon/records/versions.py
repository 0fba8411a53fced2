"""The version of the database's tables: an older one is brought up to date, one that is too new is refused.

Each file in ``migrations/versions`` leads to one version; Alembic runs those that are missing. A migration that is
compatible with older releases, as one that only adds columns, leaves ``readable_by`` as it is: then services of two
releases can share the records while they are replaced one by one. Any other migration sets it to its own version, and
services of older releases refuse to use the records from then on.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from threading import Lock

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from pfcon.errors import StorageFull, Unreachable
from pfcon.records.faults import translating_errors
from pfcon.records.schema import versions
from pfcon.units import human_bytes

CURRENT = 5
"""The version that this release makes and uses. Those below are migrated."""
MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x70666364  # "pfcd", for pg_advisory_xact_lock: any number that nothing else in the database locks
_alembic = Lock()  # its configuration is global
ROOM = 3  # times the size of SQLite's file: measured, for the new table, the log and temporary files
# PostgreSQL: while a change of a table waits for running transactions, all later ones wait for it. So it waits for a
# short time, and lets them pass before it tries again.
LOCK_TIMEOUT = 5  # seconds
ATTEMPTS = 5
PAUSE = 2.0  # seconds between two attempts
_DENIED, _LOCKED = "42501", "55P03"  # insufficient_privilege, lock_not_available: "Error Codes" in PostgreSQL's manual

log = logging.getLogger(__name__)


class MigrationFailed(Unreachable):
    """The records of an earlier release can't be brought up to date. They are unchanged."""


class MigrationFull(StorageFull):
    """There is not enough space to bring the records of an earlier release up to date. They are unchanged."""


class NewerSchema(Unreachable):
    """The records were made or changed by a newer release, in a way that this one can't use."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"the database of pfcon's records has version {version}, of a newer pfcon; this one supports versions up to"
            f" {CURRENT}: start the newer pfcon, or restore a backup from before the upgrade"
        )


def bring_up_to_date(database: Engine) -> None:
    """Run the missing migrations, all or none. Several processes may call this at the same time.

    Raises NewerSchema, MigrationFailed, MigrationFull, StorageFull, Unreachable.
    """
    with translating_errors(), _telling_denials():
        with database.connect() as connection:
            if version_of(connection) >= CURRENT:
                require_usable(connection)
                return
            has_jobs = inspect(connection).has_table("jobs")
        try:
            _migrate_unlocked(database)
        except StorageFull as error:
            if not has_jobs:  # they have no records yet, which the service can wait for
                raise
            raise MigrationFull(f"the records of an earlier release can't be brought up to date: {error}") from error


def _migrate_unlocked(database: Engine) -> None:
    """Migrate in one transaction; when other transactions hold locks, again in a new one. Raises MigrationFailed."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with translating_errors(), _telling_locks():
                _migrate_once(database)
            return
        except _Locked:
            if attempt == 1:
                log.warning("the records can't be brought up to date yet: transactions use them; trying again")
            if attempt < ATTEMPTS:
                time.sleep(PAUSE)
    raise MigrationFailed(
        f"the records can't be brought up to date: in {ATTEMPTS} attempts, other transactions of the database used "
        "them; end these (an export or a backup, for example), then start pfcon again"
    )


def _migrate_once(database: Engine) -> None:
    with _alembic, database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's sqlite3 begins no transaction for CREATE and ALTER
        else:
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # another process may migrate for a long time
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'"))
        before = version_of(connection)
        if before < CURRENT:  # another process may have been faster
            is_new = not inspect(connection).has_table("jobs")
            if database.dialect.name == "sqlite" and not is_new:
                _require_room(connection)
            _migrate(connection)
        connection.commit()
    if before < CURRENT:
        made = "made with version" if is_new else f"migrated from version {before} to"
        log.info("the tables of the records were %s %d", made, CURRENT)


def _require_room(connection: Connection) -> None:
    """Raise StorageFull unless the disk of SQLite's file has room for a migration, which writes all rows anew."""
    name = connection.engine.url.database
    if not name or not Path(name).is_file():
        return
    pages, size = (connection.exec_driver_sql(f"PRAGMA {of}").scalar_one() for of in ("page_count", "page_size"))
    needed, free = ROOM * pages * size, disk_usage(Path(name).absolute().parent).free
    if free < needed:
        raise StorageFull(
            f"{name} needs {human_bytes(needed)} of free space, {ROOM} times its size, and its disk has "
            f"{human_bytes(free)}: free some space, then start pfcon again"
        )


class _Locked(Exception):
    """PostgreSQL's ``lock_timeout`` has ended a statement."""


@contextmanager
def _telling_locks() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _sqlstate(error) == _LOCKED:
            raise _Locked from error
        raise


@contextmanager
def _telling_denials() -> Iterator[None]:
    """A context that translates PostgreSQL's refusal for want of a privilege to MigrationFailed."""
    try:
        yield
    except DBAPIError as error:
        if _sqlstate(error) == _DENIED:
            reason = str(error.orig).strip().partition("\n")[0]
            raise MigrationFailed(
                f"the records can't be brought up to date, because the user of PFCON_DATABASE_URL may not do it "
                f"({reason}): make this user the owner of the tables, and let it create tables in their schema"
            ) from error
        raise


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", ""))


def require_usable(connection: Connection) -> None:
    """Raise NewerSchema if a newer release has changed the records so that this one can't use them."""
    if (connection.execute(select(versions.c.readable_by)).scalar() or 0) > CURRENT:
        raise NewerSchema(version_of(connection))


def version_of(connection: Connection) -> int:
    """Return the version of the tables; 0 without any, and for those of a release without versions."""
    if not inspect(connection).has_table("alembic_version"):
        return 0
    return int(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or 0)


def _migrate(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # one line of pfcon's says all; also while it is imported
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, f"{CURRENT:04d}")
