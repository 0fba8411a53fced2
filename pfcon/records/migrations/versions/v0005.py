"""When the engine had found a place for a job. Older releases can use these tables: they leave it empty."""

from alembic import op
from sqlalchemy import Column, Float

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column, on SQLite before the long texts: see v0002."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    order = ("changed_at", "placed_at", "notes", "spec", "logs")
    with op.batch_alter_table("jobs", recreate="always" if sqlite else "never", partial_reordering=[order]) as table:
        table.add_column(Column("placed_at", Float))
    op.add_column("events", Column("placed_at", Float))
