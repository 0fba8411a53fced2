"""Records of the release before versions."""

from sqlalchemy import Connection, Engine, text

from pfcon.records.database import connect
from pfcon.records.migrations.versions import v0002
from pfcon.records.schema import metadata
from support.journals import Database

OLD_JOB: dict[str, object] = {
    "jid": "old-1",
    "kind": "plugin",
    "claim": "c" * 32,
    "owner": None,
    "phase": "final",
    "request": "r",
    "spec": "",
    "status": "finishedSuccessfully",
    "message": "",
    "logs": "done\n",
    "finished_at": 1.5e9,
    "nfiles": 3,
    "notes": "",
    "with_data": True,
    "changed_at": 1.5e9 + 9,
}
OLD_TABLES = {"jobs", "places", "services"}
LIST_INDEXES = ("jobs_by_created", "jobs_by_auid", "jobs_by_image")


def release_before(database: Database) -> Engine:
    """A database as the release before versions has made it, with one job."""
    engine = connect(*database)
    with engine.begin() as connection:
        for name in ("alembic_version", *(metadata.tables.keys() - OLD_TABLES)):
            connection.execute(text(f"DROP TABLE {name}"))
        for name in LIST_INDEXES:
            connection.execute(text(f"DROP INDEX {name}"))
        for name in (*v0002.DETAILS, "created_at", "placed_at"):
            connection.execute(text(f"ALTER TABLE jobs DROP COLUMN {name}"))
        insert_old(connection, "old-1")
    return engine


def insert_old(connection: Connection, jid: str, **more: object) -> None:
    """Write a job as the release before versions does: its statements name the columns that it knows."""
    names, values = ", ".join(OLD_JOB), ", ".join(f":{name}" for name in OLD_JOB)
    connection.execute(text(f"INSERT INTO jobs ({names}) VALUES ({values})"), {**OLD_JOB, "jid": jid, **more})


def version_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
