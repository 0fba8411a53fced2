"""One round of the leader over very many active jobs, without an engine."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from support import engines
from support.job_context import make_context
from support.records import job_row, spec_json

from benchmarks.apart import run_apart
from benchmarks.memory import look
from benchmarks.report import Row, Table, at_most, median
from benchmarks.sections.records import own_database
from benchmarks.session import Session
from pfcon.compute.base import ComputeEngine, Mine, anyone
from pfcon.compute.words import CANCELLED
from pfcon.jobs import JobService
from pfcon.jobs.watching.engine_watch import EngineWatch
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
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


class TextEngine(ComputeEngine):
    """All jobs run; the texts of some are others in each list."""

    name = "text"

    def __init__(self, names: Iterable[str]) -> None:
        self._texts = {name: f"{number:064x} running" for number, name in enumerate(names)}
        self._lists = 0
        self.infos = 0

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        self._lists += 1
        names = list(self._texts)
        for number in range(CHANGED):
            name = names[(self._lists * CHANGED + number) % len(names)]
            self._texts[name] = f"{self._lists:064x} running"
        return dict(self._texts)

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine."""
        self.infos += 1
        return JobInfo(name, JobStatus.STARTED)

    def schedule(self, spec: JobSpec) -> JobInfo:
        """Not used, as everything that follows."""
        raise NotImplementedError

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """Not used."""
        raise NotImplementedError

    def cancel(self, name: str, mine: Mine = anyone, message: str = CANCELLED) -> None:
        """Not used."""
        raise NotImplementedError

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """Not used."""
        raise NotImplementedError

    def check(self) -> str:
        """Not used."""
        raise NotImplementedError


def measure(session: Session, table: Table) -> None:
    """A row for each database."""
    count = QUICK_COUNT if session.quick else COUNT
    with session.fresh("rounds") as directory:
        _add_row(session, table, "SQLite", None, directory, count)
    try:
        url = engines.postgresql_url()
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:  # how the tests' finders say no
        table.notes.append(f"PostgreSQL was not measured: {reason}")
        return
    with session.fresh("rounds") as directory, own_database(url) as own:
        _add_row(session, table, "PostgreSQL", own, directory, count)


def _add_row(session: Session, table: Table, name: str, url: str | None, directory: Path, count: int) -> None:
    session.say(f"{name}: rounds over {count} jobs")
    _fill(url, directory, count)
    rounds = run_apart(run_rounds, url, directory, count)
    first, *later = rounds["seconds"]
    own = (
        f"{median(later):.2f} s, at most {max(later):.2f} s; the first one of a new leader, which checks every job, "
        f"{first:.1f} s; {rounds['before']:.0f} → {rounds['after']:.0f} MiB"
    )
    table.rows.append(Row(f"{name}: a round over {count} active jobs", own, target=TARGET, figure=median(later)))


def _fill(url: str | None, directory: Path, count: int) -> None:
    database = connect(url, directory)
    values: dict[str, Any] = {"phase": "scheduled", "status": "started", "message": "", "finished_at": None}
    with database.begin() as connection:
        for begin in range(0, count, AT_ONCE):
            jids = [f"job-{number}" for number in range(begin, min(begin + AT_ONCE, count))]
            connection.execute(insert(jobs), [job_row(jid, spec=spec_json(jid), **values) for jid in jids])
    database.dispose()


def run_rounds(url: str | None, directory: Path, count: int) -> dict[str, Any]:
    """Seconds of each round, and this process's memory in MiB before the first one and after the last one."""
    names = [JobKind.PLUGIN.engine_name(JobId(f"job-{number}")) for number in range(count)]
    engine = TextEngine(names)
    storebase = StoreBase(directory / "storeBase")
    storebase.root.mkdir()
    context = make_context(storebase, directory, engine)
    database = connect(url, directory)
    service = JobService(replace(context, journal=Journal(lambda: database)))
    service.start()
    (watch,) = service.engine_watches
    before = look([os.getpid()]).rss
    seconds = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        watch.compare()
        _await_checks(watch)
        seconds.append(time.perf_counter() - begun)
    assert engine.infos == count + ROUNDS * CHANGED, f"{engine.infos} jobs were checked"
    return {"seconds": seconds, "before": before / MIB, "after": look([os.getpid()]).rss / MIB}


def _await_checks(watch: EngineWatch) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(watched.checking for watched in watch._jobs.values()):  # noqa: SLF001 - nothing else tells
        assert time.monotonic() < deadline, "the checks do not end"
        time.sleep(0.002)
