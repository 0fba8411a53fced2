"""Alembic's entry: runs migrations on the connection, and in the transaction, of ``pfcon.records.versions``."""

from alembic import context

if hasattr(context, "config"):  # Alembic sets it while it runs this file; other imports have no effect
    context.configure(connection=context.config.attributes["connection"])
    context.run_migrations()
