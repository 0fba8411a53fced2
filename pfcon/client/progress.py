"""A progress bar on a terminal; nothing elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from pfcon.client.output import discard
from pfcon.units import human_bytes

_EVERY = 0.1  # seconds between two drawings
_CELLS = 24
_CLEAR = "\r\x1b[K"


class Progress:
    """Draws a line again and again on standard error, if that is a terminal; ``clear`` removes it.

    Other texts may be printed after ``clear``.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = not quiet and self._stream.isatty()
        self._what, self._total, self._done = "", 0, 0
        self._last = 0.0
        self._drawn = False

    @contextmanager
    def step(self, what: str, total: int = 0) -> Iterator["Progress"]:
        """Show a step with ``total`` bytes, 0 if that is not known, until its end."""
        self._what, self._total, self._done, self._last = what, total, 0, 0.0
        self._draw()
        try:
            yield self
        finally:
            self.clear()

    def add(self, nbytes: int) -> None:
        """Count bytes that are done."""
        self._done += nbytes
        if time.monotonic() - self._last >= _EVERY:
            self._draw()

    def restart(self) -> None:
        """Count from 0 again: the step is repeated."""
        self._done = 0

    def clear(self) -> None:
        """Remove the line."""
        if self._drawn:
            self._write(_CLEAR)
            self._drawn = False

    def _draw(self) -> None:
        if not self._shown:
            return
        self._last = time.monotonic()
        self._write(_CLEAR + line(self._what, self._done, self._total))
        self._drawn = True

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal has gone
            discard(self._stream)


def line(what: str, done: int, total: int) -> str:
    """Return the text of a line: a bar if the total is known."""
    if not total:
        return f"{what}: {human_bytes(done)}" if done else what
    share = min(1.0, done / total)
    full = int(share * _CELLS)
    return f"{what} [{'#' * full}{'.' * (_CELLS - full)}] {share:4.0%} of {human_bytes(total)}"
