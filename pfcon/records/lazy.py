"""The database as a process uses it: connected on first use, and refused once a newer release has changed it."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from pfcon.errors import Unreachable
from pfcon.records.versions import NewerSchema, require_usable


@dataclass(frozen=True)
class _File:
    """SQLite's file. id: what stat(2) tells of it, None if it is not there."""

    path: str
    id: tuple[int, int] | None


class LazyDatabase:
    """Thread-safe. May be created before a fork: each process connects for itself."""

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect
        self._engine: Engine | None = None
        self._file: _File | None = None
        self._refusal: NewerSchema | None = None

    @property
    def engine(self) -> Engine:
        """The engine. Raises what ``connect`` raises, and NewerSchema since ``check`` has raised it."""
        self.require_usable()
        if self._engine is None:
            try:
                engine = self._connect()
            except NewerSchema as refusal:
                self._refusal = refusal
                raise
            self._engine, self._file = engine, _file_of(engine)
        return self._engine

    def require_own_file(self) -> None:
        """Raise Unreachable if SQLite's file was removed or replaced since it was opened: nobody will find what is
        written to it, and another process may use another one.
        """
        if self._file is not None and _look_at(self._file.path) != self._file:
            raise Unreachable(
                f"the database of pfcon's records was removed or replaced: {self._file.path} is not the file that this "
                "process has opened; restart the service"
            )

    def require_usable(self) -> None:
        """Raise NewerSchema if the last ``check``, or the attempt to connect, has. Does not ask the database."""
        if self._refusal is not None:
            raise self._refusal

    def connected(self) -> Engine:
        """Return the engine for a ``check``: also while the database is refused, for it may be restored."""
        refused, self._refusal = self._refusal, None
        try:
            return self.engine
        finally:
            self._refusal = self._refusal or refused

    def check(self, connection: Connection) -> None:
        """Ask whether this release can still use the records. Raises NewerSchema."""
        try:
            require_usable(connection)
        except NewerSchema as refusal:
            self._refusal = refusal
            raise
        self._refusal = None


def _file_of(engine: Engine) -> _File | None:
    path = engine.url.database
    return _look_at(path) if engine.dialect.name == "sqlite" and path and not path.startswith("file:") else None


def _look_at(path: str) -> _File:
    with suppress(FileNotFoundError):
        facts = os.stat(path)
        return _File(path, (facts.st_dev, facts.st_ino))
    return _File(path, None)
