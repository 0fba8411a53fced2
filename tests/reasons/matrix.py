"""What users read of each failure on each engine: collected by the suite, printed at its end, shown by the docs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

PROPERTY = "reasons"  # of a test's report: failure, engine, and the fields of a Cell; so it comes from all processes
WRITE_TO = "PFCON_TEST_REASONS"  # a variable: the file to which the suite writes the table


class Cell(NamedTuple):
    """status, reason, message: as a client gets them.

    seconds: from the end, by the engine's clock, to the answer; from the POST if the job never started.
    """

    status: str
    reason: str
    message: str
    seconds: float


Cells = Mapping[str, Mapping[str, Cell]]  # by the names of failure and engine


def show(terminal: pytest.TerminalReporter) -> None:
    """Print the table of all tests of the suite that were run, and write it to the file that WRITE_TO names."""
    cells: dict[str, dict[str, Cell]] = {}
    for reports in terminal.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    failure, engine, *fields = value
                    cells.setdefault(failure, {})[engine] = Cell(*fields)
    if not cells:
        return
    for line in lines(cells, seconds=True):
        terminal.write_line(line)
    if path := os.environ.get(WRITE_TO):
        Path(path).write_text("\n".join(lines(cells)) + "\n")


def lines(cells: Cells, *, seconds: bool = False) -> Iterator[str]:
    """Yield a table in Markdown: a row for each failure and message. seconds: with the longest time."""
    yield "| Failure | Code | What the user reads | Engines |" + " Seconds |" * seconds
    yield "| --- | --- | --- | --- |" + " --- |" * seconds
    for failure, found in cells.items():
        for (status, reason, message), engines in _by_text(found).items():
            longest = f" {max(found[engine].seconds for engine in engines):.1f} |"
            code = f"`{reason}`" if reason else ""
            waits = " (it waits)" if status == "notStarted" else ""
            yield f"| {failure}{waits} | {code} | {_escaped(message)} | {', '.join(engines)} |" + longest * seconds


def _by_text(cells: Mapping[str, Cell]) -> dict[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for engine, cell in sorted(cells.items()):
        found.setdefault(cell[:3], []).append(engine)
    return found


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
