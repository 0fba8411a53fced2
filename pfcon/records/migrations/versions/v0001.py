"""The tables of the releases before versions were counted. Where they exist already, nothing is changed."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Text

revision = "0001"
down_revision = None

HEAD = 400


def upgrade() -> None:
    """Create the tables that are missing."""
    op.create_table(
        "jobs",
        Column("jid", String(128), primary_key=True),
        Column("kind", String(10), primary_key=True),
        Column("claim", String(32), nullable=False),
        Column("owner", String(32)),
        Column("phase", String(10), nullable=False),
        Column("request", String(64), nullable=False),
        Column("spec", Text, nullable=False),
        Column("status", String(24), nullable=False),
        Column("message", Text, nullable=False),
        Column("logs", Text, nullable=False),
        Column("finished_at", Float),
        Column("nfiles", Integer, nullable=False),
        Column("notes", Text, nullable=False),
        Column("with_data", Boolean, nullable=False),
        Column("changed_at", Float, nullable=False),
        if_not_exists=True,
    )
    op.create_index("jobs_by_phase", "jobs", ["phase"], if_not_exists=True)
    op.create_table(
        "places",
        Column("id", Integer, primary_key=True),
        Column("jid", String(128), nullable=False),
        Column("kind", String(10), nullable=False),
        Column("request", String(128), nullable=False),
        Column("holder", String(32)),
        Column("head", String(HEAD).with_variant(String(HEAD, collation="C"), "postgresql"), nullable=False),
        Column("path", Text, nullable=False),
        Column("writable", Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("places_by_head", "places", ["head"], if_not_exists=True)
    op.create_index("places_by_job", "places", ["jid", "kind"], if_not_exists=True)
    op.create_index("places_by_request", "places", ["request"], if_not_exists=True)
    op.create_table(
        "services",
        Column("id", String(32), primary_key=True),
        Column("expires_at", Float, nullable=False),
        Column("host", String(100), nullable=False),
        Column("pid", BigInteger, nullable=False),
        Column("started", BigInteger, nullable=False),
        if_not_exists=True,
    )
