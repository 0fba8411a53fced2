"""The database as a process uses it: connected on first use, and refused once a newer release has changed it."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from pfcon.records.versions import NewerSchema, require_usable


class LazyDatabase:
    """Thread-safe. May be created before a fork: each process connects for itself."""

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect
        self._engine: Engine | None = None
        self._refusal: NewerSchema | None = None

    @property
    def engine(self) -> Engine:
        """The engine. Raises what ``connect`` raises, and NewerSchema since ``check`` has raised it."""
        self.require_usable()
        try:
            self._engine = self._engine or self._connect()
        except NewerSchema as refusal:
            self._refusal = refusal
            raise
        return self._engine

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
