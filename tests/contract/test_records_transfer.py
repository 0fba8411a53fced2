"""Export and import of the records: between both databases, completely or not at all."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.journals import Database, open_journal
from support.records import add, exported, imported, job_row, peak_memory, place_row, rows_of, spec_json
from support.transfers import FULL, header, lines_of_three, three

from pfcon.errors import Refused
from pfcon.jobs.environments import Environments
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Phase, Place
from pfcon.records.database import connect
from pfcon.records.export import export_records
from pfcon.records.importing import Imported, import_records
from pfcon.records.versions import CURRENT


def test_every_value_of_every_record_arrives(engines: tuple[Engine, Engine]) -> None:
    source, target = engines
    long = "d/" * 1000 + "ü"
    add(source, three(), [place_row("a", "x", holder="h"), place_row("full", long), place_row("a", "y", writable=True)])
    assert imported(target, exported(source)) == Imported(3, 0)
    before, places_before = rows_of(source)
    after, places_after = rows_of(target)
    assert after == before

    def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name not in ("id", "holder")} for row in rows]

    assert plain(places_after) == plain(places_before)
    assert {row["holder"] for row in places_after} == {None}
    assert exported(target)[1:] == exported(source)[1:]


def test_a_job_that_was_being_worked_on_is_taken_over_and_keeps_its_places(
    databases: tuple[Database, Database], tmp_path: Path
) -> None:
    source, target = databases
    jid, place = JobId("waits"), Place("d", "d", writable=True)
    with open_journal(source) as journal:
        claimed = journal.claim(jid, JobKind.PLUGIN, "r", [place])
        assert isinstance(claimed, Claimed)
        assert journal.move(claimed.record, Phase.SCHEDULING)
        lines = exported(journal.database.engine)
    engine = connect(*target)
    imported(engine, lines)
    engine.dispose()
    with open_journal(target) as journal:
        (found,) = journal.abandoned()
        assert (found.jid, found.request, found.claim) == (jid, "r", claimed.record.claim)
        assert type(journal.claim(JobId("other"), JobKind.PLUGIN, "r", [place])).__name__ == "Blocked"
        assert type(journal.claim(jid, JobKind.PLUGIN, "r", [place])).__name__ == "Record"


def test_an_export_shows_one_moment_while_a_service_writes(databases: tuple[Database, Database]) -> None:
    source = databases[0]
    parts: list[str] = []
    with open_journal(source) as journal:
        add(journal.database.engine, [job_row(f"old-{number:03}") for number in range(200)])

        def write(part: str) -> None:
            parts.append(part)
            number = len(parts)
            journal.claim(JobId(f"new-{number}"), JobKind.PLUGIN, "r")
            if record := journal.get(JobId(f"old-{200 - number:03}"), JobKind.PLUGIN):
                journal.delete(record)

        assert export_records(journal.database.engine, write, lambda number, total: None) == 200
    names = [json.loads(line)["jid"] for line in parts[1:]]
    assert sorted(names) == [f"old-{number:03}" for number in range(200)]


def _move(databases: tuple[Database, Database], path: Path) -> float:
    """Export and import; how much the memory of this process has grown, in MiB. Also counts that of libraries in C."""
    source, target = (connect(*database) for database in databases)
    exported(connect(None, path.parent))  # which loads what is loaded once
    before = peak_memory()
    with path.open("w") as file:
        export_records(source, file.write, lambda number, total: None)
    with path.open("rb") as lines:
        import_records(target, lines, merge=False, progress=lambda number, total: None)
    after = peak_memory()
    source.dispose()
    target.dispose()
    return after - before


def test_memory_does_not_grow_with_the_records(
    databases: tuple[Database, Database], engines: tuple[Engine, Engine], tmp_path: Path
) -> None:
    for start in range(0, 6000, 100):
        add(engines[0], [job_row(f"j{start + number}", logs="x" * 10_000) for number in range(100)])
    path = tmp_path / "file"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        grown = pool.apply(_move, (databases, path))
    assert path.stat().st_size > 60_000_000
    assert grown < 25
    assert len(rows_of(engines[1])[0]) == 6000


def test_records_in_the_database_are_not_mixed_with_others_by_mistake(engines: tuple[Engine, Engine]) -> None:
    source, target = engines
    lines = lines_of_three(source)
    add(target, [job_row("mine")])
    with pytest.raises(Refused, match=r"has records already \(1\).*--merge"):
        imported(target, lines)
    assert [row["jid"] for row in rows_of(target)[0]] == ["mine"]


def test_a_merge_keeps_what_the_database_has(engines: tuple[Engine, Engine]) -> None:
    source, target = engines
    lines = lines_of_three(source)
    add(target, [job_row("mine"), job_row("a", message="kept")], [place_row("a", "kept")])
    assert imported(target, lines, merge=True) == Imported(2, 1)
    rows, held = rows_of(target)
    assert [(row["jid"], row["kind"], row["message"] == "kept") for row in rows] == [
        ("a", "copy", False),
        ("a", "plugin", True),
        ("full", "plugin", False),
        ("mine", "plugin", False),
    ]
    assert [row["path"] for row in held] == ["kept"]
    assert imported(target, lines, merge=True) == Imported(0, 3)


def test_columns_that_an_earlier_release_did_not_have_stay_empty(target: Engine) -> None:
    row = job_row("old", logs="done\n")
    old = {name: row[name] for name in row if name not in FULL and name != "owner"} | {"nfiles": 3, "logs": "done\n"}
    assert imported(target, [json.dumps(header(version=1, records=1)) + "\n", json.dumps(old) + "\n"]) == Imported(1, 0)
    ((found,), _) = rows_of(target)
    assert (found["logs"], found["nfiles"], found["with_data"]) == ("done\n", 3, True)
    assert [found[name] for name in ("auid", "created_at", "exit_code", "bytes_out")] == [None, 0, None, None]


def test_a_newer_release_that_added_columns_must_export_them_itself(engines: tuple[Engine, Engine]) -> None:
    with engines[0].begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": f"{CURRENT + 1:04d}"})
    with pytest.raises(Refused, match="export with the newer release"):
        exported(engines[0])


def test_environments_that_earlier_releases_recorded_are_left_out_and_their_jobs_do_not_run_without_them(
    engines: tuple[Engine, Engine], storebase: StoreBase
) -> None:
    source, target = engines
    spec = spec_json("old", env=(("TOKEN", "s3cret"),))
    operation = JobSpec("c-copy", JobId("c"), JobKind.COPY, "", ("python",), env=(("PYTHONPATH", "/opt"),)).to_json()
    copy = job_row("c", JobKind.COPY, phase="scheduling", status="notStarted", spec=operation)
    add(source, [job_row("old", phase="scheduling", status="notStarted", spec=spec), copy])
    lines = exported(source)
    assert "s3cret" not in "".join(lines)
    imported(target, lines)
    ((kept, found), _) = rows_of(target)
    with pytest.raises(Refused, match="post the job again"):
        Environments(storebase).complete(JobSpec.from_json(found["spec"]))
    assert kept["spec"] == operation
