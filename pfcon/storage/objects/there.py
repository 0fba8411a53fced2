"""What a store has below a prefix already, looked up by name: kept on disk, since it may be millions."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pfcon.storage.objects.store import Listed

_CACHE_KIB = 4096


class Known(NamedTuple):
    """An object as a listing has it."""

    size: int
    etag: str


class ThereAlready:
    """Objects of listings, by name; for one thread at a time. A context; ``file`` is there while it needs one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._database: sqlite3.Connection | None = None

    def add(self, page: Iterable[Listed]) -> None:
        """Remember the objects of a page. Raises OSError."""
        rows = [(listed.name, listed.size, listed.etag) for listed in page if listed.size is not None]
        if not rows:
            return
        with _disk_errors(self._file):
            if self._database is None:
                self._database = self._create()
            self._database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", rows)
            self._database.commit()

    def get(self, name: str) -> Known | None:
        """One object; None where no listing had it. Raises OSError."""
        if self._database is None:
            return None
        with _disk_errors(self._file):
            row = self._database.execute("SELECT size, etag FROM object WHERE name = ?", (name,)).fetchone()
        return row and Known(*row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()
            self._file.unlink(missing_ok=True)

    def _create(self) -> sqlite3.Connection:
        self._file.unlink(missing_ok=True)  # of a try that was killed
        database = sqlite3.connect(self._file, check_same_thread=False)
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):  # it outlives no process
            database.execute(f"PRAGMA {setting}")
        database.execute("CREATE TABLE object (name TEXT PRIMARY KEY, size INTEGER, etag TEXT) WITHOUT ROWID")
        return database


@contextlib.contextmanager
def _disk_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as fault:
        raise OSError(errno.EIO, str(fault), str(file)) from fault
