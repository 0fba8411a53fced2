"""The indexes of lists. See ``listing.py``."""

from typing import Any

from sqlalchemy import ColumnElement, Index, Table, Text, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

LISTED: ColumnElement[bool] = literal_column("phase <> 'removed'")
"""The rows that lists have. A text without parameters: otherwise a database does not use indexes of these rows."""
HEAD = (
    200  # characters of a user's name or an image's: clients choose their length, and PostgreSQL's limit is 2704 bytes
)


class list_head(GenericFunction[str]):  # noqa: N801 - named as SQL functions are
    """What the indexes have of a text: HEAD characters on PostgreSQL, all on SQLite, which has no limit."""

    type = Text()
    inherit_cache = True


@compiles(list_head)
def _first_characters(element: list_head, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, {HEAD})"


@compiles(list_head, "sqlite")
def _whole_text(element: list_head, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


def add_list_indexes(jobs: Table) -> None:
    """Add the indexes to the table. A list is the order of one of them, read backwards.

    All have what lists are filtered by, so that other rows are skipped without reading them: a row has a log.
    """
    created = (jobs.c.created_at, jobs.c.jid, jobs.c.kind)
    auid, image = list_head(jobs.c.auid), list_head(jobs.c.image)
    _add("jobs_by_created", *created, jobs.c.status, auid, image)
    _add("jobs_by_auid", auid, *created, jobs.c.status, image)
    _add("jobs_by_image", image, *created, jobs.c.status, auid)


def _add(name: str, *columns: ColumnElement[Any]) -> None:
    Index(name, *columns, sqlite_where=LISTED, postgresql_where=LISTED)
