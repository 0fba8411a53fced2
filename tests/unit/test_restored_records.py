"""What an export and its import do with rows that can't be taken as they are. See tests/contract for the others."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.records import add, exported, imported, job_row, rows_of, spec_json

from pfcon.errors import Refused
from pfcon.models import JobKind
from pfcon.records import Phase
from pfcon.records.database import connect
from pfcon.records.importing import UNSTAGED, Imported
from pfcon.records.versions import CURRENT


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Where records come from, and where they go to; both are empty."""
    found: list[Engine] = []
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
        found.append(connect(None, tmp_path / name))
    yield found[0], found[1]
    for engine in found:
        engine.dispose()


@pytest.fixture
def target(engines: tuple[Engine, Engine]) -> Engine:
    """Where records go to."""
    return engines[1]


def file_with(line: dict[str, Any]) -> list[str]:
    """An export with one job."""
    header = {"pfcon_records": {"version": CURRENT, "records": 1}}
    return [json.dumps(part) + "\n" for part in (header, line)]


def line_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "owner"}


def unended(phase: Phase) -> dict[str, Any]:
    spec = spec_json("j", env=(("TOKEN", "s3cret"),))
    values: dict[str, Any] = {"status": "notStarted", "finished_at": None, "changed_at": 1764455000.5, "logs": "log"}
    return job_row("j", phase=phase.value, spec=spec, **values)


@pytest.mark.parametrize("phase", Phase)
def test_what_was_being_staged_or_removed_has_ended_after_an_import(target: Engine, phase: Phase) -> None:
    """Its recovery would delete the data of a job that ran after the export."""
    line = line_of(unended(phase))
    imported(target, file_with(line))
    ((found,), _) = rows_of(target)
    if phase is Phase.STAGING:
        ended = {"phase": "final", "status": "undefined", "message": UNSTAGED, "finished_at": 1764455000.5}
        assert found == line | ended | {"with_data": False, "owner": None}
    elif phase is Phase.REMOVING:
        removed = {"phase": "removed", "message": "removed", "spec": "", "logs": "", "with_data": False}
        assert found == line | removed | {"owner": None}
    else:
        assert found == line | {"owner": None}


@pytest.mark.parametrize("damaged", ["{", "[]", '{"jid": "../x"}', "[" * 100_000])
def test_a_damaged_specification_is_exported_as_an_empty_one(
    engines: tuple[Engine, Engine], damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = engines
    add(source, [job_row("bad", JobKind.COPY, spec=damaged, logs="kept"), job_row("good", spec=spec_json("good"))])
    assert imported(target, exported(source)) == Imported(2, 0)
    bad, good = rows_of(target)[0]
    assert (bad["spec"], bad["logs"], good["spec"]) == ("", "kept", spec_json("good"))
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "pfcon.records.lines"]
    assert "job bad (copy) is damaged" in warning


@pytest.mark.parametrize("column", ["changed_at", "created_at", "staged_at", "started_at", "finished_at"])
@pytest.mark.parametrize("value", [1e300, -1e300, 253_402_300_800, -62_135_596_801.0])
def test_no_time_is_beyond_the_calendar(target: Engine, column: str, value: float) -> None:
    lines = file_with(line_of(job_row("j", created_at=time.time())) | {column: value})
    with pytest.raises(Refused, match=f"line 2: .*{column} is out of range"):
        imported(target, lines)
