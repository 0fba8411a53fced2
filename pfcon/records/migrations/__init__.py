"""Migrations of the journal's tables, for Alembic. Their versions are whole numbers: see ``pfcon.records.versions``."""
