"""Which process watches the jobs of all services that share the records. Older releases can use these tables."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a table. Its row is inserted by the first leader."""
    op.create_table(
        "leader",
        Column("id", Integer, primary_key=True),
        Column("holder", String(32), nullable=False),
        Column("beat", BigInteger, nullable=False),
        Column("rounds", Text, nullable=False),
    )
