"""An index of a zip with links, in a database: its members by directory, and which of them are staged where."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pfcon.archive.contents import LARGE
from pfcon.archive.members import Member
from pfcon.archive.unzip import Placing, Target
from pfcon.compact import KeyFlags
from pfcon.files.closing import Closing
from pfcon.links import Entry, StagedItem

_IN_MEMORY = 20_000  # members; with more, the database is an unnamed file
_CACHE_KIB = 8192
_FIRST = 1024  # large files that can be unpacked first
_TABLES = """
    CREATE TABLE entry (parent TEXT, name TEXT, size INTEGER, method INTEGER, crc INTEGER, packed INTEGER,
                        start INTEGER, after INTEGER, PRIMARY KEY (parent, name)) WITHOUT ROWID;
    CREATE TABLE staged (start INTEGER, number INTEGER, path TEXT, source TEXT, size INTEGER, method INTEGER,
                         crc INTEGER, packed INTEGER, after INTEGER, PRIMARY KEY (start, number)) WITHOUT ROWID;
"""
_COLUMNS = "source, method, crc, packed, size, start, after, path, number"
_NOWHERE = -1  # ``start`` of a directory that is staged


class ZipTree(Closing):
    """The members of a zip as a Lister (see ``pfcon.links``). ``read`` returns the content of a small member.

    nmembers: their number. directory: for the file of the database. Raises OSError, sqlite3.Error.
    """

    def __init__(
        self, members: Iterable[Member], nmembers: int, read: Callable[[Member], bytes], directory: Path | None
    ) -> None:
        self._read = read
        self._number = 0
        if nmembers <= _IN_MEMORY:
            self._database = _prepared(":memory:")
        else:
            with tempfile.NamedTemporaryFile(dir=directory, prefix="zip-", suffix=".db") as file:
                self._database = _prepared(file.name)  # after the block, the file has no name
        self._fill(members)

    def _fill(self, members: Iterable[Member]) -> None:
        known = KeyFlags()
        known.add("", 1)

        def rows() -> Iterator[tuple[str, str, int, int, int, int, int, int]]:
            for path, is_dir, method, crc, packed, size, start, after in members:
                if not is_dir:
                    above, _, name = path.rpartition("/")
                    yield above, name, size, method, crc, packed, start, after
                below = path if is_dir else above
                while not known.add(below, 1):
                    above, _, name = below.rpartition("/")
                    yield above, name, -1, 0, 0, 0, 0, 0
                    below = above

        self._database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows())

    def file(self, path: str) -> Member | None:
        """Return a file; None if it does not exist."""
        parent, _, name = path.rpartition("/")
        row = self._database.execute(
            "SELECT method, crc, packed, size, start, after FROM entry WHERE parent = ? AND name = ? AND size >= 0",
            (parent, name),
        ).fetchone()
        return row and Member(path, False, *row)

    def links(self, suffix: str) -> Iterator[str]:
        """Yield the paths of the files whose names end with ``suffix``."""
        rows = self._database.execute("SELECT parent, name FROM entry WHERE size >= 0 AND name LIKE ?", ("%" + suffix,))
        return (f"{parent}/{name}" if parent else name for parent, name in rows if name.endswith(suffix))

    def entry(self, path: str) -> Entry | None:
        """See Lister."""
        parent, _, name = path.rpartition("/")
        if not path:
            return Entry("", True)
        row = self._database.execute("SELECT size FROM entry WHERE parent = ? AND name = ?", (parent, name)).fetchone()
        return row and Entry(name, row[0] < 0, max(row[0], 0))

    def children(self, path: str) -> Iterator[Entry]:
        """See Lister."""
        for name, size in self._database.execute("SELECT name, size FROM entry WHERE parent = ?", (path,)):
            yield Entry(name, size < 0, max(size, 0))

    def link_text(self, path: str) -> bytes:
        """See Lister."""
        member = self.file(path)
        if member is None:
            raise KeyError(path)
        return self._read(member)

    def stage(self, item: StagedItem) -> None:
        """Record an item to stage."""
        member = None if item.is_dir else self.file(item.source)
        self._number += 1
        row = (0, 0, 0, 0, _NOWHERE, 0)
        if member is not None:
            row = (member.method, member.crc, member.packed, member.size, member.offset, member.end)
        marks = ", ".join("?" * 9)
        self._database.execute(
            f"INSERT INTO staged ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - both are constants
            (item.source, *row, item.path, self._number),
        )

    def unstage(self) -> None:
        """Delete all recorded items."""
        self._database.execute("DELETE FROM staged")

    def placing(self) -> Placing:
        """Return the recorded items, in the order of the zip. They can be read while the tree is open."""
        nfiles, nbytes = self._database.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM staged WHERE start >= 0"
        ).fetchone()
        chosen = self._select("WHERE size > ? OR packed > ? ORDER BY size DESC LIMIT ?", LARGE, LARGE, _FIRST)
        begun = {row[-1] for row in chosen}
        rest = (_target(row) for row in self._select("ORDER BY start, number") if row[-1] not in begun)
        return Placing([_target(row) for row in chosen], rest, nfiles, nbytes)

    def _select(self, rest: str, *values: int) -> Iterable[tuple[Any, ...]]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM staged {rest}", values)  # noqa: S608 - constants
        return rows.fetchall() if values else rows

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._database.close()


def _prepared(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, check_same_thread=False)
    for setting in (
        *("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"),
        *("temp_store=MEMORY", f"cache_size=-{_CACHE_KIB}"),
    ):  # no durability: the database is not used after this process
        database.execute(f"PRAGMA {setting}")
    database.executescript(_TABLES)
    return database


def _target(row: tuple[Any, ...]) -> Target:
    source, method, crc, packed, size, start, after, path, _ = row
    return (None if start < 0 else Member(source, False, method, crc, packed, size, start, after)), path
