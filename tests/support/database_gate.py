"""A database that goes away at a named call, and comes back when a test says so."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError


def nothing() -> None:
    """What there is to do where failing the calls is all."""


class Gate:
    """Counts the calls of an engine's database, statements and commits, and fails them from one on.

    A commit fails after it was done: its answer is what is lost. closing, opening: what cuts a real connection and
    restores it. The calls of threads named in ``quiet`` are not counted, but fail like the others.
    """

    def __init__(
        self,
        engine: Engine,
        closing: Callable[[], None] = nothing,
        opening: Callable[[], None] = nothing,
        quiet: str = "recovery",
    ) -> None:
        self._lock = threading.Lock()
        self._closing, self._opening, self._quiet = closing, opening, quiet
        self._left: int | None = None
        self._at: int | None = None
        self.count = self.failed = 0
        self.closed = False
        event.listen(engine, "before_cursor_execute", self._before)
        self._commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._after_commit  # type: ignore[method-assign]

    def close_at(self, number: int | None, *, calls: int | None = None) -> None:
        """Close at a call, counted from now; None: never. calls: how many fail before it opens by itself."""
        self._at, self.count, self.failed, self._left = number, 0, 0, calls

    def open(self) -> None:
        """Let the database be back, for good."""
        with self._lock:
            self._at = None
            if self.closed:
                self.closed = False
                self._opening()

    def _must_fail(self) -> bool:
        with self._lock:
            if threading.current_thread().name != self._quiet:
                self.count += 1
                if self._at is not None and self.count == self._at:
                    self.closed = True
                    self._closing()
            if not self.closed:
                return False
            self.failed += 1
            if self._left is not None and self.failed >= self._left:
                self._at, self.closed = None, False
                self._opening()
            return True

    def _before(self, *_: Any) -> None:
        if self._must_fail():
            raise OperationalError("away", None, sqlite3.OperationalError("the test's database is away"))

    def _after_commit(self, dbapi_connection: Any) -> None:
        self._commit(dbapi_connection)
        if self._must_fail():
            raise OperationalError("away", None, sqlite3.OperationalError("the test's database went away"))
