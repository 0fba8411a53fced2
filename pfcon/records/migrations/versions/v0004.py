"""Events of jobs, what has been delivered of them, and an id of the records. Older releases write no events."""

import uuid

import sqlalchemy
from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, String, Text

revision = "0004"
down_revision = "0003"

NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Add tables. Jobs that have ended before get no events."""
    op.create_table(
        "events",
        Column("id", NUMBER, primary_key=True, autoincrement=False),
        Column("jid", String(128), nullable=False),
        Column("kind", String(10), nullable=False),
        Column("status", String(24), nullable=False),
        Column("message", Text, nullable=False),
        Column("reason", String(32)),
        Column("exit_code", Integer),
        Column("created_at", Float),
        Column("started_at", Float),
        Column("finished_at", Float),
        Column("at", Float, nullable=False),
    )
    op.create_index("events_by_job", "events", ["jid", "kind", "id"])
    counter = op.create_table(
        "event_counter",
        Column("id", Integer, primary_key=True),
        Column("last", BigInteger, nullable=False),
        Column("deleted", BigInteger, nullable=False),
    )
    op.execute(sqlalchemy.insert(counter).values(id=1, last=0, deleted=0))
    op.create_table(
        "webhook",
        Column("id", Integer, primary_key=True),
        Column("handled", BigInteger, nullable=False),
        Column("owner", String(32)),
        Column("used_at", Float, nullable=False),
    )
    op.create_table(
        "webhook_retries",
        Column("event", NUMBER, primary_key=True, autoincrement=False),
        Column("jid", String(128), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_at", Float, nullable=False),
    )
    op.create_index("webhook_retries_by_jid", "webhook_retries", ["jid", "event"])
    op.create_index("webhook_retries_by_time", "webhook_retries", ["next_at"])
    identity = op.create_table(
        "records_id", Column("id", Integer, primary_key=True), Column("value", String(32), nullable=False)
    )
    op.execute(sqlalchemy.insert(identity).values(id=1, value=uuid.uuid4().hex))
