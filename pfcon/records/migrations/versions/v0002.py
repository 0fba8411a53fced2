"""Which releases can use the tables; of each job, what is asked for later. Older releases can use these tables."""

from typing import Any

import sqlalchemy
from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, String, Text, TextClause, text
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"

READABLE_BY = 1
DETAILS: dict[str, TypeEngine[Any]] = {
    "auid": Text(),
    "image": Text(),
    "image_digest": String(100),
    "staged_at": Float(),
    "started_at": Float(),
    "exit_code": Integer(),
    "reason": String(32),
    "cancel_request": String(32),
    "node": Text(),
    "max_memory": BigInteger(),
    "cpu_seconds": Float(),
    "bytes_in": BigInteger(),
    "files_out": BigInteger(),
    "bytes_out": BigInteger(),
}


HEAD = 200  # characters of an indexed text; SQLite's indexes have no limit


def upgrade() -> None:
    """Add a table, columns and indexes. Rows of earlier releases get ``created_at`` alone: the nearest time in them."""
    info = op.create_table(
        "schema_info", Column("id", Integer, primary_key=True), Column("readable_by", Integer, nullable=False)
    )
    op.execute(sqlalchemy.insert(info).values(id=1, readable_by=READABLE_BY))
    _add_columns()
    op.execute("UPDATE jobs SET created_at = COALESCE(finished_at, changed_at)")
    _add_list_indexes()


def _add_columns() -> None:
    """Add the columns.

    SQLite reads a row from its beginning, so there the long texts become the last columns. ``created_at`` is 0 in rows
    that a service of an earlier release inserts during a rolling restart.
    """
    created = Column("created_at", Float, nullable=False, server_default=text("0"))
    sqlite = op.get_bind().dialect.name == "sqlite"
    order = ("changed_at", *DETAILS, "created_at", "notes", "spec", "logs")
    with op.batch_alter_table("jobs", recreate="always" if sqlite else "never", partial_reordering=[order]) as table:
        for column in (*(Column(name, kind) for name, kind in DETAILS.items()), created):
            table.add_column(column)


def _add_list_indexes() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    auid, image = (text(name if sqlite else f"substr({name}, 1, {HEAD})") for name in ("auid", "image"))
    created, listed = ("created_at", "jid", "kind"), text("phase <> 'removed'")
    indexes: dict[str, list[str | TextClause]] = {
        "jobs_by_created": [*created, "status", auid, image],
        "jobs_by_auid": [auid, *created, "status", image],
        "jobs_by_image": [image, *created, "status", auid],
    }
    for name, columns in indexes.items():
        op.create_index(name, "jobs", columns, sqlite_where=listed, postgresql_where=listed)
