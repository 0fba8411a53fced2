"""Alembic's entry: runs migrations on the connection, and in the transaction, of ``pfcon.records.versions``."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
