"""From figures to a Markdown table. Pure, but for ``machine``."""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median as _median

HEADER = ("measured", "pfcon", "beside", "ratio", "target", "result")


def median(values: Sequence[float]) -> float:
    """The middle value. Raises ValueError without values."""
    return _median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of all values do not exceed. Raises ValueError without values."""
    if not values:
        raise ValueError("a percentile of nothing")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


@dataclass(frozen=True)
class Target:
    """A bound of the project's own; ``unit`` is only for show."""

    limit: float
    unit: str
    at_least: bool

    def verdict(self, figure: float) -> str:
        """Whether a figure keeps the bound, and by how much it misses it."""
        if figure >= self.limit if self.at_least else figure <= self.limit:
            return "PASS"
        share = figure / self.limit if self.at_least else self.limit / figure
        return f"short of it ({share:.0%})"

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}{self.unit}"


def at_least(limit: float, unit: str = "×") -> Target:
    """A lower bound."""
    return Target(limit, unit, at_least=True)


def at_most(limit: float, unit: str) -> Target:
    """An upper bound."""
    return Target(limit, unit, at_least=False)


@dataclass(frozen=True)
class Row:
    """One line. ``ratio``: how many times as good pfcon is as what stands beside it.

    ``figure``: what a target is compared with, where that is not the ratio.
    """

    measured: str
    own: str
    beside: str = ""
    ratio: float | None = None
    target: Target | None = None
    figure: float | None = None

    def cells(self) -> tuple[str, ...]:
        """As text, in the order of HEADER. Raises ValueError for a target that nothing can be compared with."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}×"
        if self.target is None:
            return (self.measured, self.own, self.beside, ratio, "", "")
        figure = self.ratio if self.figure is None else self.figure
        if figure is None:
            raise ValueError(f"{self.measured}: a target without a figure")
        return (self.measured, self.own, self.beside, ratio, str(self.target), self.target.verdict(figure))


@dataclass
class Table:
    """The rows of one section, and what a reader has to know of how they came about."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The section, ending with a newline."""
        lines = [f"## {self.title}", ""]
        if self.rows:
            lines += [_line(HEADER), _line(["---"] * len(HEADER))]
            lines += [_line(row.cells()) for row in self.rows]
            lines.append("")
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def mb(nbytes: float) -> str:
    """In units of 10^6 bytes, of which memory and speeds are told."""
    return f"{nbytes / 1e6:.0f} MB"


def ms(seconds: float) -> str:
    """In milliseconds."""
    return f"{seconds * 1000:.1f} ms"


def speed(nbytes: int, seconds: Sequence[float]) -> str:
    """The median wall time of some runs, bytes per second, and how far the runs lie apart."""
    middle = median(seconds)
    spread = f" ({min(seconds):.2f} to {max(seconds):.2f})" if len(seconds) > 1 else ""
    return f"{middle:.2f} s{spread}, {nbytes / 1e6 / middle:.0f} MB/s"


def machine() -> list[str]:
    """What the figures depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return [
        f"{len(os.sched_getaffinity(0))} cores ({models[0] if models else platform.machine()}), "
        f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB of memory",
        f"Linux {platform.release()}, {platform.python_implementation()} {platform.python_version()}",
        f"load average at the start {os.getloadavg()[0]:.2f}: whatever else runs makes the figures worse, unevenly",
    ]
