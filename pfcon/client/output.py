"""How the commands print: tables and JSON on standard output, everything else on standard error."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pfcon.printing import printable

NOTHING = "-"  # for what is not known
_KEPT = re.compile(r"(\x1b\[[0-9;]*m|[\t\r])")  # control characters in a log: colours, tabs, returns of progress bars


def print_json(value: Any) -> None:
    """Print a JSON document on one line."""
    print(json.dumps(value), flush=True)


def discard_output() -> None:
    """Discard what is written to standard output from now on: nobody reads it any more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def say(text: str) -> None:
    """Print a line on standard error. Control characters are escaped."""
    print("\n".join(printable(line) for line in text.split("\n")), file=sys.stderr, flush=True)


def log_line(line: str) -> str:
    """Return a line of a job's log for a terminal: colours and tabs stay, other control characters are escaped."""
    return "".join(part if _KEPT.fullmatch(part) else printable(part) for part in _KEPT.split(line))


def table(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterable[str]:
    """Yield rows as lines; a longer value is not cut off. Empty values are shown as ``-``."""
    for row in rows:
        cells = [printable(value) or NOTHING for value in row]
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def widths_of(rows: Sequence[Sequence[str]], most: int = 40) -> list[int]:
    """Return the widths of the columns; a column is at most ``most`` wide, the last one has no width."""
    columns = list(zip(*rows, strict=True))
    return [min(most, max(len(printable(value)) for value in column)) for column in columns[:-1]] + [0]


def moment(text: str | None) -> str:
    """Return a time of the interface as it is shown: UTC, in seconds. ``""`` if it is not known."""
    parsed = parse_time(text)
    return parsed.strftime("%Y-%m-%d %H:%M:%S") if parsed else ""


def parse_time(text: str | None) -> datetime | None:
    """Return an aware time in UTC; None if there is none or it can't be read."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def age(since: str | None, now: datetime) -> str:
    """Return the time since a moment in two units, such as ``3m 5s``; ``""`` if the moment is not known."""
    begun = parse_time(since)
    if begun is None:
        return ""
    seconds = max(0, int((now - begun).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m {seconds % 60}s" if minutes else f"{seconds}s"


def status_text(status: str, message: str) -> str:
    """Return a status and its message for a line of its own."""
    return f"{status}: {message}" if message else status
