"""A journal of its own, as each service process has one."""

from pathlib import Path

from pfcon.records import Journal
from pfcon.records.database import connect

Database = tuple[str | None, Path]  # what ``connect`` takes


class open_journal:  # noqa: N801 - reads as a function
    """A journal of its own, as another service process would have."""

    def __init__(self, database: Database) -> None:
        self.engine = connect(*database)
        self.journal = Journal(lambda: self.engine)
        self.journal.renew_lease()

    def __enter__(self) -> Journal:
        return self.journal

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()
