"""``pfcon top``: running figures of a service, again and again."""

import os
import re
import shutil
import sys
import time
from argparse import Namespace
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pfcon.client.connection import Connection
from pfcon.client.errors import Answered, ServiceAway
from pfcon.client.listing import records
from pfcon.client.output import NOTHING, age, print_json, table, widths_of, write_out
from pfcon.models import JobStatus
from pfcon.printing import printable

EVERY = 2.0  # seconds
LOOK = 0.5  # seconds in which a service finds its figures
HEAD = ("ACTIVE", "STATUS", "AGE", "OWNER", "IMAGE", "NODE", "MESSAGE")
ROWS = 20  # active jobs that are shown, the newest first
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_CLEAR = "\x1b[2J"
_ACTIVE = (JobStatus.NOT_STARTED.value, JobStatus.STARTED.value)
_JOBS = re.compile(r"^pfcon_jobs\{(?P<labels>[^}]*)\} (?P<number>[0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class Figures:
    """What is shown. jobs: number of plugin jobs by status; None if the service does not show its metrics."""

    info: dict[str, Any]
    parts: dict[str, Any]
    jobs: dict[str, int] | None
    active: list[dict[str, Any]] = field(default_factory=list)


def top(connection: Connection, arguments: Namespace) -> int:
    """Show the figures every two seconds until Ctrl-C; once if asked for, or if the output is no terminal."""
    once = arguments.once or not sys.stdout.isatty()
    if not once and not arguments.json:
        write_out(_CLEAR)
    try:
        _prime(connection)
        while True:
            _show(connection, arguments, once=once)
            if once:
                return 0
            time.sleep(EVERY)
    except KeyboardInterrupt:
        return 0


def _prime(connection: Connection) -> None:
    """Ask for the numbers of jobs: the service looks them up after that, and the next answer has them."""
    with suppress(ServiceAway):
        _numbers(connection)
        time.sleep(LOOK)


def _show(connection: Connection, arguments: Namespace, *, once: bool) -> None:
    try:
        figures = look(connection)
    except ServiceAway as fault:
        if once:
            raise
        write_out(f"{_HOME_AND_CLEAR}{printable(str(fault))}\n")
        return
    if arguments.json:
        print_json({"server": figures.info, "parts": figures.parts, "jobs": figures.jobs, "active": figures.active})
        return
    lines = page(figures, connection.login.url, datetime.now(UTC))
    text = "\n".join(lines) if once else _HOME_AND_CLEAR + fitted(lines, shutil.get_terminal_size())
    write_out(text + "\n")


def fitted(lines: list[str], size: os.terminal_size) -> str:
    """Return the part of the lines that a terminal shows without scrolling."""
    return "\n".join(line[: size.columns] for line in lines[: size.lines - 1])


def look(connection: Connection) -> Figures:
    """Ask the service for its figures. Raises ServiceAway, Answered."""
    active = [
        record for found in records(connection, ROWS, status=",".join(_ACTIVE), kind="plugin") for record in found
    ]
    return Figures(connection.get("jobs/"), dict(connection.parts()), _numbers(connection), active)


def _numbers(connection: Connection) -> dict[str, int] | None:
    try:
        return numbers_of(connection.text("/metrics"))
    except Answered:
        return None  # a proxy may hide them


def numbers_of(metrics: str) -> dict[str, int]:
    """Return the number of plugin jobs by status, from the metrics of a service."""
    found = Counter[str]()
    for match in _JOBS.finditer(metrics):
        labels = dict(_LABEL.findall(match["labels"]))
        if labels.get("kind") == "plugin":
            found[labels.get("status", "")] += int(float(match["number"]))
    return dict(found)


def page(figures: Figures, url: str, now: datetime) -> list[str]:
    """Return the lines that show the figures."""
    info = figures.info
    lines = [
        f"pfcon {info['server_version']} at {url}  {now:%Y-%m-%d %H:%M:%S} UTC",
        f"engine {info['container_env']}, storage {info['storage_env']}",
        "",
    ]
    lines += [
        f"{'ok    ' if part['ok'] else 'FAILED'}  {name}: {part['message']}" for name, part in figures.parts.items()
    ]
    numbers = figures.jobs
    shown = (f"{status.value} {NOTHING if numbers is None else numbers.get(status.value, 0)}" for status in JobStatus)
    lines += ["", "jobs    " + "   ".join(shown), ""]
    rows = [HEAD, *(_row(job, now) for job in figures.active)]
    return [printable(line) for line in [*lines, *table(rows, widths_of(rows))]]


def _row(job: dict[str, Any], now: datetime) -> tuple[str, ...]:
    """Return the row of a job. Its age is the time since it has started or, if it waits, since it was posted."""
    since = job["started"] or job["created"]
    message = job["message"].split("\n")[0]
    return (job["jid"], job["status"], age(since, now), job["owner"], job["image"], job["node"], message)
