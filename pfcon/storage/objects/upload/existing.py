"""An index of the objects that exist below a prefix, by name. It is on disk: there may be millions."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pfcon.storage.objects.store import Listed

_CACHE_KIB = 4096


class ExistingObject(NamedTuple):
    """An object's size in bytes and its ETag, from a listing."""

    size: int
    etag: str


class ExistingObjects:
    """Objects of listings, by name. Not thread-safe. A context: at its end ``file`` is removed.

    ``file`` is created with the first object. An existing one, of an attempt that was killed, is replaced.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._database: sqlite3.Connection | None = None

    def add(self, page: Iterable[Listed]) -> None:
        """Add the objects of a page; common prefixes are ignored. Raises OSError."""
        rows = [(listed.name, listed.size, listed.etag) for listed in page if listed.size is not None]
        if not rows:
            return
        with _disk_errors(self._file):
            if self._database is None:
                self._database = self._create()
            self._database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", rows)
            self._database.commit()

    def get(self, name: str) -> ExistingObject | None:
        """Return one object; None if no listing has it. Raises OSError."""
        if self._database is None:
            return None
        with _disk_errors(self._file):
            row = self._database.execute("SELECT size, etag FROM object WHERE name = ?", (name,)).fetchone()
        return row and ExistingObject(*row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()
            self._file.unlink(missing_ok=True)

    def _create(self) -> sqlite3.Connection:
        self._file.unlink(missing_ok=True)  # of an attempt that was killed
        database = sqlite3.connect(self._file, check_same_thread=False)
        # No durability: no other process reads the file, and no later one.
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            database.execute(f"PRAGMA {setting}")
        database.execute("CREATE TABLE object (name TEXT PRIMARY KEY, size INTEGER, etag TEXT) WITHOUT ROWID")
        return database


@contextlib.contextmanager
def _disk_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as fault:
        raise OSError(errno.EIO, str(fault), str(file)) from fault
