"""Transactions for the commands of records: a consistent snapshot to read, an exclusive lock to write."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Executable, Row, text

from pfcon.records.faults import translating_errors

_PATIENT = text("SET LOCAL idle_in_transaction_session_timeout = 0")  # a pipe or a disk may be slow
ROWS = 50  # that are fetched at a time; a row has a job's log


@contextmanager
def snapshot(database: Engine) -> Iterator[Connection]:
    """A context with a connection for which the records do not change. Raises Unreachable."""
    with translating_errors(), database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # Python's sqlite3 begins no transaction for SELECT
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            connection.execute(_PATIENT)
        yield connection


@contextmanager
def exclusive(database: Engine) -> Iterator[Connection]:
    """A context with a transaction during which no other process can write. All is undone after an error.

    Raises Unreachable, StorageFull.
    """
    with translating_errors(), database.connect() as connection:
        if database.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(_PATIENT)
            connection.execute(text("LOCK TABLE jobs, places, services IN SHARE ROW EXCLUSIVE MODE"))
        yield connection
        connection.commit()


def stream(connection: Connection, statement: Executable) -> Iterator[Row[tuple[object, ...]]]:
    """Yield the rows of a statement in constant memory."""
    yield from connection.execute(statement, execution_options={"yield_per": ROWS})
