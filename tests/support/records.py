"""Rows of the records' tables for tests."""

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from pfcon.models import JobId, JobKind, JobSpec
from pfcon.records.export import export_records
from pfcon.records.importing import Imported, import_records
from pfcon.records.rows import fresh_row
from pfcon.records.schema import HEAD, jobs, places


def job_row(jid: str, kind: JobKind = JobKind.PLUGIN, **values: Any) -> dict[str, Any]:
    """The row of a job that has ended now, unless ``values`` say something else."""
    ended = {"owner": None, "phase": "final", "status": "finishedSuccessfully", "finished_at": time.time()}
    return {**fresh_row(JobId(jid), kind, "r" * 64, ""), **ended, **values}


def spec_json(jid: str, **values: Any) -> str:
    """The specification of a plugin job, as a row has it."""
    return JobSpec(name=jid, jid=JobId(jid), kind=JobKind.PLUGIN, image="i", argv=("a",), **values).to_json()


def place_row(jid: str, path: str, **values: Any) -> dict[str, Any]:
    """The row of a place of a plugin job."""
    fixed = {"jid": jid, "kind": "plugin", "request": "r.c", "holder": None, "writable": False}
    return {**fixed, "path": path, "head": path[:HEAD], **values}


def add(database: Engine, rows: Iterable[dict[str, Any]], of_jobs: Iterable[dict[str, Any]] = ()) -> None:
    """Write rows of jobs and places."""
    with database.begin() as connection:
        connection.execute(insert(jobs), list(rows))
        if of_jobs := list(of_jobs):
            connection.execute(insert(places), of_jobs)


def rows_of(database: Engine) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All jobs and all places, in a stable order."""
    with database.connect() as connection:
        found = [dict(row) for row in connection.execute(select(jobs)).mappings()]
        held = [dict(row) for row in connection.execute(select(places)).mappings()]
    return sorted(found, key=lambda row: (row["jid"], row["kind"])), sorted(held, key=lambda row: row["path"])


def exported(database: Engine) -> list[str]:
    """The lines of an export."""
    parts: list[str] = []
    export_records(database, parts.append, lambda number, total: None)
    return "".join(parts).splitlines(keepends=True)


def imported(database: Engine, lines: Iterable[str], *, merge: bool = False) -> Imported:
    """The result of an import of these lines."""
    encoded = (line.encode() for line in lines)
    return import_records(database, encoded, merge=merge, progress=lambda number, total: None)


def changed(line: str, **values: Any) -> str:
    """A line with other values."""
    return json.dumps(json.loads(line) | values) + "\n"


def peak_memory() -> float:
    """The most memory that this process has had, in MiB: VmHWM of proc(5). Also counts that of libraries in C.

    ``ru_maxrss`` of a new process begins with that of the process that started it.
    """
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) / 1024
