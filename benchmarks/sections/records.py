"""Pages of ``records/`` of very many jobs, and the metrics that count them."""

import json
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine
from support import engines

from benchmarks.client import Client
from benchmarks.faults import Broken, NotHere, finding
from benchmarks.report import Row, Table, Target, at_most, median, ms
from benchmarks.session import Session
from pfcon.records.database import connect
from pfcon.records.schema import jobs

TARGET, METRICS_TARGET = at_most(50, " ms"), at_most(5, " ms")
COUNT, QUICK_COUNT = 100_000, 10_000
METRICS = "/metrics"
AT_ONCE = 5000  # rows of one statement
ROUNDS = 21
BEGAN = 1.7e9  # seconds since the epoch; one job is created each second
LOG = 2000  # bytes, written as twice as many characters that do not compress well
NOTES = [
    f"Median and longest of {ROUNDS} requests, each on a new connection. The rows "
    f"have logs of {2 * LOG} characters, 20 owners and 7 images, and one job in 5,000 is `undefined`.",
    "The owner and the image with few rows have the 5 oldest ones.",
]


def measure(session: Session) -> Table:
    """Every filter, on SQLite and on PostgreSQL."""
    count = QUICK_COUNT if session.quick else COUNT
    table = Table(f"Pages of {count} records", notes=list(NOTES))
    _measure_on(session, table, count, None)
    try:
        with finding():
            url = engines.postgresql_url()
    except NotHere as reason:
        table.notes.append(f"PostgreSQL was not measured: {reason}")
        return table
    with own_database(url) as own:
        _measure_on(session, table, count, own)
    return table


def _measure_on(session: Session, table: Table, count: int, url: str | None) -> None:
    name = "PostgreSQL" if url else "SQLite"
    settings = {"PFCON_DATABASE_URL": url} if url else {}
    with session.fresh("records") as directory, session.server(directory, settings=settings) as server:
        session.say(f"writing {count} records to {name}")
        _fill(url, server.storebase / ".pfcon" / "records", count)
        for what, query, expected in _queries(count):
            session.say(f"{name}: {what}")
            table.rows.append(_row(server.client, f"{name}: {what}", f"records/?{query}", expected))
        table.rows.append(_metrics_row(server.client, f"{name}: the metrics"))


def _queries(count: int) -> list[tuple[str, str, int]]:
    """What is asked for, in words and as a query, and how many records the answer has."""
    rare = count // 5000
    return [
        ("the first page", "", 100),
        ("the first page of 1,000", "limit=1000", 1000),
        ("one owner", "owner=user-3", 100),
        ("an owner with few rows", "owner=rare", 5),
        ("an owner without rows", "owner=nobody", 0),
        ("one image", "image=fnndsc/pl-3:1.0", 100),
        ("an image with few rows", "image=fnndsc/rare:1.0", 5),
        ("a rare status", "status=undefined", min(rare, 100)),
        ("a status without rows", "status=started,notStarted", 0),
        ("one kind", "kind=copy", 100),
        ("a kind without rows", "kind=delete", 0),
        ("the oldest", "until=2023-11-14T22:15:00Z", 100),
        ("since a moment", "since=2023-11-14T22:15:00Z", 100),
        ("an owner, an image and a status", "owner=user-3&image=fnndsc/pl-3:1.0&status=undefined", 0),
    ]


def _row(client: Client, what: str, path: str, expected: int) -> Row:
    found = len(json.loads(client.call("GET", path))["records"])
    if found != expected:
        raise Broken(f"{path}: {found} records, not {expected}")
    return _timed(client, what, path, TARGET)


def _metrics_row(client: Client, what: str) -> Row:
    if b"pfcon_jobs" not in client.call("GET", METRICS):
        raise Broken(f"{METRICS} counts no jobs")
    return _timed(client, what, METRICS, METRICS_TARGET)


def _timed(client: Client, what: str, path: str, target: Target) -> Row:
    seconds = [_seconds(client, path) for _ in range(ROUNDS)]
    middle = median(seconds)
    return Row(what, f"{ms(middle)}, at most {ms(max(seconds))}", target=target, figure=middle * 1000)


def _seconds(client: Client, path: str) -> float:
    begun = time.perf_counter()
    client.call("GET", path)
    return time.perf_counter() - begun


def _fill(url: str | None, directory: Path, count: int) -> None:
    database = connect(url, directory)
    rng = random.Random(1)
    for first in range(0, count, AT_ONCE):
        rows = [_job(number, rng) for number in range(first, first + AT_ONCE)]
        with database.begin() as connection:
            connection.execute(sqlalchemy.insert(jobs), rows)
    if url:
        _execute(database, "VACUUM ANALYZE jobs")  # PostgreSQL does it by itself, some time after such changes
    database.dispose()


def _job(number: int, rng: random.Random) -> dict[str, Any]:
    few = number < 5
    status = "undefined" if number % 5000 == 4999 else "finishedSuccessfully" if number % 50 else "finishedWithError"
    return {
        "jid": f"chris-jid-{number}",
        "kind": ("plugin", "copy", "upload")[number % 3],
        "claim": "c" * 32,
        "phase": "final",
        "request": "r" * 64,
        "spec": rng.randbytes(500).hex(),
        "status": status,
        "logs": rng.randbytes(LOG).hex(),
        "auid": "rare" if few else f"user-{(number // 7) % 20}",
        "image": "fnndsc/rare:1.0" if few else f"fnndsc/pl-{number % 7}:1.0",
        "created_at": BEGAN + number,
        "finished_at": BEGAN + number + 5,
        "changed_at": BEGAN + number + 6,
    }


def _execute(database: Engine, statement: str) -> None:
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """The URL of an empty database beside that of the tests, which is dropped at the end."""
    name = f"pfcon_benchmark_{secrets.token_hex(4)}"
    server = sqlalchemy.create_engine(url)
    try:
        _execute(server, f"CREATE DATABASE {name}")
        try:
            yield server.url.set(database=name).render_as_string(hide_password=False)
        finally:
            _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        server.dispose()
