"""What users read of each failure on each engine: collected by the suite, printed at its end, shown by the docs."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

WRITE_TO = "PFCON_REASONS_MATRIX"  # a variable: the file to which the suite writes the table


@dataclass(frozen=True)
class Cell:
    """reason, message: as a client gets them. seconds: from the end, by the engine's clock, to the answer."""

    reason: str
    message: str
    seconds: float | None


@dataclass
class Matrix:
    """The cells by the names of failure and engine."""

    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)

    def add(self, failure: str, engine: str, cell: Cell) -> None:
        """Add what was read."""
        self.cells.setdefault(failure, {})[engine] = cell

    def lines(self) -> Iterator[str]:
        """A row for each failure and message, with the engines that gave it and the longest time."""
        yield "| failure | reason | message | engines | seconds |"
        yield "|---|---|---|---|---|"
        for failure, cells in self.cells.items():
            for (reason, message), engines in _by_text(cells).items():
                times = [cells[engine].seconds for engine in engines]
                known = [seconds for seconds in times if seconds is not None]
                longest = f"{max(known):.1f}" if known else ""
                yield f"| {failure} | `{reason}` | {_escaped(message)} | {', '.join(engines)} | {longest} |"

    def write(self) -> None:
        """Write the table to the file that WRITE_TO names, if it does."""
        if name := os.environ.get(WRITE_TO):
            Path(name).write_text("\n".join(self.lines()) + "\n")


def _by_text(cells: Mapping[str, Cell]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for engine, cell in sorted(cells.items()):
        found.setdefault((cell.reason, cell.message), []).append(engine)
    return found


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
