"""The database's errors, as pfcon's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, TimeoutError

from pfcon.errors import StorageFull, Unreachable
from pfcon.records.outage import OUTAGE

_FULL = ("disk is full", "no space left on device")  # messages of SQLite, and of PostgreSQL by strerror(3)
_DAMAGED = ("malformed", "is not a database", "unsupported file format")  # messages of SQLite


class Damaged(Unreachable):
    """The database can't be read until an administrator repairs it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database of pfcon's records is damaged ({reason}): stop pfcon, then restore it, or move its "
            "file away together with those that end in -wal and -shm, and start pfcon again; jobs that are still on "
            "their engine are found there by their names"
        )


@contextmanager
def translating_errors() -> Iterator[None]:
    """A context that translates SQLAlchemy's errors: to StorageFull, Damaged, or else Unreachable. Logs an outage."""
    try:
        yield
        OUTAGE.succeeded()
    except (IntegrityError, ProgrammingError, DataError):
        raise  # the statement is wrong, not the database
    except (DBAPIError, TimeoutError) as error:
        reason = (str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines() or [""])[0]
        OUTAGE.failed(reason)
        if any(text in reason.lower() for text in _FULL):
            raise StorageFull(f"the database of pfcon's records is full: {reason}") from error
        if any(text in reason.lower() for text in _DAMAGED):
            raise Damaged(reason) from error
        raise Unreachable(f"the database of pfcon's records does not answer: {reason}") from error
    except UnicodeDecodeError as error:  # sqlite3 also raises it for its own error messages
        raise Damaged("it contains invalid text") from error
