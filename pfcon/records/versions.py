"""The version of the database's tables: an older one is brought up to date, one that is too new is refused.

Each file in ``migrations/versions`` leads to one version; Alembic runs those that are missing. A migration that is
compatible with older releases, as one that only adds columns, leaves ``readable_by`` as it is: then services of two
releases can share the records while they are replaced one by one. Any other migration sets it to its own version, and
services of older releases refuse to use the records from then on.
"""

from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine, inspect, select, text

from pfcon.errors import Unreachable
from pfcon.records.schema import versions

CURRENT = 2
"""The version that this release makes and uses. Those below are migrated."""
MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x70666364  # "pfcd", for pg_advisory_xact_lock: any number that nothing else in the database locks
_alembic = Lock()  # its configuration is global


class NewerSchema(Unreachable):
    """The records were made or changed by a newer release, in a way that this one can't use."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"the database of pfcon's records has version {version}, of a newer pfcon; this one supports versions up to"
            f" {CURRENT}: start the newer pfcon, or restore a backup from before the upgrade"
        )


def bring_up_to_date(database: Engine) -> None:
    """Run the missing migrations, all or none. Several processes may call this at the same time.

    Raises NewerSchema, and SQLAlchemy's errors.
    """
    with database.connect() as connection:
        if version_of(connection) >= CURRENT:
            require_usable(connection)
            return
    with _alembic, database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's sqlite3 begins no transaction for CREATE and ALTER
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        if version_of(connection) < CURRENT:  # another process may have been faster
            _migrate(connection)
        connection.commit()


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
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, f"{CURRENT:04d}")
