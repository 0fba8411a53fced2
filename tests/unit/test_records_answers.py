"""What a database says when it can't serve: away, or full, and never a fault of the service."""

import sqlite3

import pytest
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, OperationalError, TimeoutError

from pfcon.errors import PfconError, StorageFull, Unreachable
from pfcon.records.faults import translating_errors


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("", {}, sqlite3.OperationalError("unable to open database file")), Unreachable),
        (OperationalError("", {}, sqlite3.OperationalError("database or disk is full")), StorageFull),
        (OperationalError("", {}, Exception('could not extend file "x": No space left on device')), StorageFull),
        (DatabaseError("", {}, sqlite3.DatabaseError("database disk image is malformed")), Unreachable),
        (InterfaceError("", {}, Exception("connection already closed")), Unreachable),
        (DBAPIError("", {}, Exception("")), Unreachable),
        (TimeoutError("QueuePool limit"), Unreachable),
    ],
    ids=["away", "full", "PostgreSQL is full", "malformed", "interface", "other", "pool"],
)
def test_a_database_that_can_not_serve_is_told(error: Exception, expected: type[PfconError]) -> None:
    with pytest.raises(expected, match="the database of pfcon's records"), translating_errors():
        raise error


def test_what_the_callers_catch_stays_as_it_is() -> None:
    with pytest.raises(IntegrityError), translating_errors():
        raise IntegrityError("", {}, Exception("UNIQUE constraint failed"))
