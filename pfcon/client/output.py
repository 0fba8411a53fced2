"""How the commands print: tables, JSON and logs on standard output, everything else on standard error."""

import errno
import io
import json
import os
import re
import select
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from pfcon.client.errors import ClientError
from pfcon.printing import printable

NOTHING = "-"  # for what is not known
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"
_RESETS = re.compile(r"\x1b\[0*m")
_KEPT = re.compile(r"(\x1b\[[0-9;]*m|[\t\r])")  # control characters in a log: colours, tabs, returns of progress bars
_NOBODY = frozenset({errno.EPIPE, errno.ESHUTDOWN, errno.ECONNRESET})


class OutputFault(ClientError):
    """Standard output can't be written to. nobody_reads: because its reader has gone, as in ``pfcon jobs | head``."""

    def __init__(self, fault: OSError | None = None) -> None:
        super().__init__(f"standard output can't be written to: {fault.strerror if fault else 'nobody reads it'}")
        self.nobody_reads = fault is None or fault.errno in _NOBODY


def set_up_output() -> None:
    """Make sure that there are both streams, and that each takes any text: what it can't encode is escaped.

    A stream that was closed before the start, as by ``>&-``, discards all.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_out(text: str) -> None:
    """Write a text to standard output as it is. Raises OutputFault: all that is written there later is discarded."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as fault:
        discard(sys.stdout)
        raise OutputFault(fault) from None


def require_reader() -> None:
    """Raise OutputFault if nobody reads standard output any more: a command that writes nothing does not notice."""
    looks = select.poll()
    looks.register(sys.stdout.fileno(), 0)
    if any(found & select.POLLERR for _, found in looks.poll(0)):
        discard(sys.stdout)
        raise OutputFault


def put(*lines: str) -> None:
    """Print lines on standard output. Control characters are escaped. Raises OutputFault."""
    write_out("".join(f"{printable(line)}\n" for line in lines))


def print_json(value: Any) -> None:
    """Print a JSON document on one line. Raises OutputFault."""
    write_out(json.dumps(value) + "\n")


def put_log(line: str) -> None:
    """Print a line of a job's log on standard output. Raises OutputFault."""
    write_out(log_line(line, colours=sys.stdout.isatty()) + "\n")


def say(text: str) -> None:
    """Print lines on standard error. Control characters are escaped. Nothing is raised if that can't be written to."""
    write_error("\n".join(printable(line) for line in text.split("\n")) + "\n")


def say_log(line: str) -> None:
    """Print a line of a job's log on standard error, as ``say``."""
    write_error(log_line(line, colours=sys.stderr.isatty()) + "\n")


def write_error(text: str) -> None:
    """Write a text to standard error as it is. If that fails, all that is written there later is discarded."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Discard what is written to a stream from now on, and what it has not written yet."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def log_line(line: str, *, colours: bool) -> str:
    """Return a line of a job's log: tabs and returns stay, other control characters are escaped.

    colours: whether sequences that set them stay, and do not outlast the line; otherwise they are left out.
    """
    if not colours:
        line = _COLOUR.sub("", line)
    text = "".join(part if _KEPT.fullmatch(part) else printable(part) for part in _KEPT.split(line))
    found = _COLOUR.findall(line)
    return text + _RESET if found and not _RESETS.fullmatch(found[-1]) else text


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
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


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
