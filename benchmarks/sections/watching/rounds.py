"""One round of the leader over very many active jobs, without an engine."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from support import engines
from support.job_context import make_context
from support.records import job_row, spec_json
from support.watched_service import watch

from benchmarks.apart import run_apart
from benchmarks.faults import Broken, NotHere, finding
from benchmarks.memory import look
from benchmarks.report import Row, Table, at_most, median
from benchmarks.sections.records import own_database
from benchmarks.session import Session
from benchmarks.text_engine import TextEngine
from pfcon.jobs import JobService
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.records.schema import jobs
from pfcon.units import MIB

TARGET = at_most(1, " s")
COUNT, QUICK_COUNT = 10_000, 1000
CHANGED = 10  # jobs, in each round
ROUNDS = 10
AT_ONCE = 1000  # rows of one statement
PATIENCE = 600.0  # seconds for the checks of a round


def measure(session: Session, table: Table) -> None:
    """A row for each database."""
    count = QUICK_COUNT if session.quick else COUNT
    with session.fresh("rounds") as directory:
        session.say(f"SQLite: rounds over {count} jobs")
        table.rows.append(_row("SQLite", None, directory, count))
    try:
        with finding():
            url = engines.postgresql_url()
    except NotHere as reason:
        table.notes.append(f"PostgreSQL was not measured: {reason}")
        return
    with session.fresh("rounds") as directory, own_database(url) as own:
        session.say(f"PostgreSQL: rounds over {count} jobs")
        table.rows.append(_row("PostgreSQL", own, directory, count))


def _row(name: str, url: str | None, directory: Path, count: int) -> Row:
    _fill(url, directory, count)
    rounds = run_apart(run_rounds, url, directory, count)
    (first, first_cpu), *_ = rounds["seconds"]
    later, cpu = ([pair[part] for pair in rounds["seconds"][1:]] for part in (0, 1))
    own = (
        f"{median(later):.2f} s, at most {max(later):.2f} s, {median(cpu):.2f} s of processor time; the first one of a "
        f"new leader, which checks every job, {first:.1f} s, {first_cpu:.1f} s of processor time; "
        f"{rounds['before']:.0f} → {rounds['after']:.0f} MiB"
    )
    return Row(f"{name}: a round over {count} active jobs", own, target=TARGET, figure=median(later))


def _fill(url: str | None, directory: Path, count: int) -> None:
    database = connect(url, directory)
    values: dict[str, Any] = {"phase": "scheduled", "status": "started", "message": "", "finished_at": None}
    with database.begin() as connection:
        for begin in range(0, count, AT_ONCE):
            jids = [f"job-{number}" for number in range(begin, min(begin + AT_ONCE, count))]
            connection.execute(insert(jobs), [job_row(jid, spec=spec_json(jid), **values) for jid in jids])
    database.dispose()


def run_rounds(url: str | None, directory: Path, count: int) -> dict[str, Any]:
    """Seconds and processor time of each round; this process's memory in MiB before and after all."""
    names = [JobKind.PLUGIN.engine_name(JobId(f"job-{number}")) for number in range(count)]
    engine = TextEngine(names, CHANGED)
    storebase = StoreBase(directory / "storeBase")
    storebase.root.mkdir()
    context = make_context(storebase, directory, engine)
    database = connect(url, directory)
    service = JobService(replace(context, journal=Journal(lambda: database)))
    service.start()
    before = look([os.getpid()]).rss
    seconds = []
    for number in range(ROUNDS + 1):
        begun, cpu = time.perf_counter(), time.process_time()
        watch(service)
        _await_checks(engine, count + number * CHANGED)
        seconds.append((time.perf_counter() - begun, time.process_time() - cpu))
    return {"seconds": seconds, "before": before / MIB, "after": look([os.getpid()]).rss / MIB}


def _await_checks(engine: TextEngine, expected: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (checked := engine.infos) < expected:
        if time.monotonic() > deadline:
            raise Broken(f"{checked} of {expected} checks")
        time.sleep(0.002)
    if checked > expected:
        raise Broken(f"{checked} checks, not {expected}")
