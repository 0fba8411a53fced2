"""Records that are exported and imported."""

from typing import Any

from sqlalchemy import Engine

from pfcon.models import JobKind
from pfcon.records.versions import CURRENT
from support.records import add, exported, job_row, place_row, spec_json

HOSTILE = 'line\nü  "quoted" \\n\t\r\x1b[31m {"places": []} \U0001f600'
FULL: dict[str, Any] = {
    "auid": HOSTILE,
    "image": "i:1",
    "image_digest": "sha256:" + "a" * 64,
    "created_at": 1764455000.1234567,
    "staged_at": 1764455001.1,
    "placed_at": 0.1 + 0.3,
    "started_at": 0.1 + 0.2,
    "exit_code": -1,
    "reason": "Cancelled",
    "node": "n1,n2",
    "max_memory": 2**40 + 1,
    "cpu_seconds": 1 / 3,
    "bytes_in": 2**62,
    "files_out": 0,
    "bytes_out": 7,
    "nfiles": 2**31 - 1,
    "with_data": False,
    "notes": "a\nb",
    "logs": HOSTILE,
    "message": HOSTILE,
}


def three() -> list[dict[str, Any]]:
    return [
        job_row("full", **FULL, spec=spec_json("full")),
        job_row("a", JobKind.COPY, phase="removed"),
        job_row("a", phase="scheduled", status="started", finished_at=None, spec=spec_json("a")),
    ]


def lines_of_three(source: Engine) -> list[str]:
    add(source, three(), [place_row("a", "x"), place_row("a", "y", writable=True)])
    return exported(source)


def header(**values: Any) -> dict[str, Any]:
    return {"pfcon_records": {"version": CURRENT, "records": 3, **values}}
