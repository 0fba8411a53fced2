"""Which releases can use the tables; of each job, what is asked for later. Older releases can use these tables."""

from typing import Any

import sqlalchemy
from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"

READABLE_BY = 1
DETAILS: dict[str, TypeEngine[Any]] = {
    "auid": Text(),
    "image": Text(),
    "image_digest": String(100),
    "created_at": Float(),
    "staged_at": Float(),
    "started_at": Float(),
    "exit_code": Integer(),
    "reason": String(32),
    "node": Text(),
    "max_memory": BigInteger(),
    "cpu_seconds": Float(),
    "bytes_in": BigInteger(),
    "files_out": BigInteger(),
    "bytes_out": BigInteger(),
}


def upgrade() -> None:
    """Add a table and columns; rows of earlier releases get no values."""
    info = op.create_table(
        "schema_info", Column("id", Integer, primary_key=True), Column("readable_by", Integer, nullable=False)
    )
    op.execute(sqlalchemy.insert(info).values(id=1, readable_by=READABLE_BY))
    for name, kind in DETAILS.items():
        op.add_column("jobs", Column(name, kind))
