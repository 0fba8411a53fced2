"""An import that is refused changes nothing, and no service writes meanwhile."""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from support.journals import Database, open_journal
from support.records import changed, imported, job_row, rows_of
from support.transfers import header, lines_of_three

from pfcon.errors import Refused
from pfcon.records.importing import Imported, import_records
from pfcon.records.reading import exclusive
from pfcon.records.versions import CURRENT

WRONG: dict[str, Callable[[list[str]], list[str]]] = {
    "a line is no JSON": lambda lines: [*lines[:-1], lines[-1][:-20] + "\n"],
    "a line is missing": lambda lines: lines[:-1],
    "a line is there twice": lambda lines: [changed(lines[0], **header(records=4)), *lines[1:], lines[-1]],
    "a line is no object": lambda lines: [*lines[:-1], "[]\n"],
    "the header is missing": lambda lines: lines[1:],
    "it is empty": lambda lines: [],
    "the version is none": lambda lines: [changed(lines[0], **header(version="2")), *lines[1:]],
    "the last event is none": lambda lines: [changed(lines[0], **header(last_event="2")), *lines[1:]],
    "the last event is too large": lambda lines: [changed(lines[0], **header(last_event=2**53)), *lines[1:]],
    "it has a column that is unknown": lambda lines: [*lines[:-1], changed(lines[-1], colour="red")],
    "a value has another type": lambda lines: [*lines[:-1], changed(lines[-1], nfiles="3")],
    "a truth is a number": lambda lines: [*lines[:-1], changed(lines[-1], with_data=1)],
    "a number is a truth": lambda lines: [*lines[:-1], changed(lines[-1], nfiles=True)],
    "a number is too large": lambda lines: [*lines[:-1], changed(lines[-1], nfiles=2**31)],
    "a time is infinite": lambda lines: [*lines[:-1], changed(lines[-1], changed_at=1e400)],
    "a time is beyond the calendar": lambda lines: [*lines[:-1], changed(lines[-1], finished_at=1e300)],
    "a text is too long": lambda lines: [*lines[:-1], changed(lines[-1], claim="c" * 33)],
    "a value is missing": lambda lines: [*lines[:-1], changed(lines[-1], claim=None)],
    "a phase is unknown": lambda lines: [*lines[:-1], changed(lines[-1], phase="lost")],
    "a kind is unknown": lambda lines: [*lines[:-1], changed(lines[-1], kind="move")],
    "a status is unknown": lambda lines: [*lines[:-1], changed(lines[-1], status="good")],
    "a jid is none": lambda lines: [*lines[:-1], changed(lines[-1], jid="../x")],
    "a jid has a slash": lambda lines: [*lines[:-1], changed(lines[-1], jid="/x")],
    "a specification is none": lambda lines: [*lines[:-1], changed(lines[-1], spec="{}")],
    "a place has no path": lambda lines: [*lines[:-1], changed(lines[-1], places=[{"request": "r"}])],
    "places are none": lambda lines: [*lines[:-1], changed(lines[-1], places=3)],
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("merge", [False, True])
def test_a_wrong_file_changes_nothing(engines: tuple[Engine, Engine], fault: str, merge: bool) -> None:
    source, target = engines
    lines = WRONG[fault](lines_of_three(source))
    if merge and fault == "a line is there twice":  # the second one loses
        return
    with pytest.raises(Refused, match=r"^line [1-4]: |use another copy"):
        imported(target, lines, merge=merge)
    assert rows_of(target) == ([], [])


def test_a_file_of_a_newer_release_is_refused_by_name(engines: tuple[Engine, Engine]) -> None:
    source, target = engines
    lines = lines_of_three(source)
    newer = json.dumps(header(version=CURRENT + 1, pfcon="9.8.7")) + "\n"
    with pytest.raises(Refused, match=rf"version {CURRENT + 1}, of pfcon 9\.8\.7; .* up to {CURRENT}"):
        imported(target, [newer, *lines[1:]])
    assert rows_of(target) == ([], [])


def _serve(database: Database, ready: Any, end: Any) -> None:
    with open_journal(database):
        ready.set()
        end.wait(60)


def test_nothing_is_imported_while_a_service_uses_the_database(
    databases: tuple[Database, Database], engines: tuple[Engine, Engine]
) -> None:
    lines = lines_of_three(engines[0])
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    service = context.Process(target=_serve, args=(databases[1], ready, end))
    service.start()
    try:
        assert ready.wait(60)
        with pytest.raises(Refused, match="stop the service"):
            imported(engines[1], lines)
    finally:
        end.set()
        service.join()
    assert imported(engines[1], lines) == Imported(3, 0)


def test_no_other_process_writes_from_the_first_moment_of_an_import_on(
    databases: tuple[Database, Database], target: Engine
) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    service = context.Process(target=_serve, args=(databases[1], ready, end))
    try:
        with exclusive(target):
            service.start()
            assert not ready.wait(3)
        assert ready.wait(60)
    finally:
        end.set()
        service.join()


def test_a_service_that_starts_during_an_import_waits_for_its_end(
    databases: tuple[Database, Database], target: Engine
) -> None:
    lines = [json.dumps(header(records=1)) + "\n", json.dumps(_line("old")) + "\n"]
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    service = context.Process(target=_serve, args=(databases[1], ready, end))

    def slow() -> Iterator[bytes]:
        yield lines[0].encode()
        service.start()
        assert not ready.wait(3)
        yield lines[1].encode()

    try:
        done = import_records(target, slow(), merge=False, progress=lambda number, total: None)
        assert done == Imported(1, 0)
        assert ready.wait(60)
    finally:
        end.set()
        service.join()


def _line(jid: str) -> dict[str, Any]:
    row = job_row(jid, created_at=time.time())
    return {name: value for name, value in row.items() if name != "owner"}
