"""The table of options: what each engine offers, or why it does not."""

import itertools
import re
from typing import Any

import pytest
from support.settings_faults import DEV, faults

from pfcon.compute.description import EngineDescription
from pfcon.compute.engines import ENGINES
from pfcon.compute.settings import JobField, JobOption
from pfcon.configuration import table
from pfcon.configuration.table import options

SHARED = [name for name in options() if name in set(JobOption)]
ENGINE_NAMES = [engine.name for engine in ENGINES.built_in]


@pytest.mark.parametrize(
    ("engine", "option"),
    list(itertools.product(ENGINES.built_in, SHARED)),
    ids=lambda value: getattr(value, "name", value),
)
def test_each_engine_has_a_shared_option_or_a_reason_why_not(engine: EngineDescription[Any], option: str) -> None:
    assert (engine.name in options()[option]) != (option in engine.lacks)


@pytest.mark.parametrize("engine", ENGINES.built_in, ids=lambda engine: engine.name)
def test_reasons_and_notes_are_of_options_and_fields_and_end_as_parts_of_a_sentence(
    engine: EngineDescription[Any],
) -> None:
    known = {*JobOption, *JobField}
    assert {*engine.lacks, *engine.notes} <= known
    assert not {*engine.lacks} & {*engine.notes}
    for text in (*engine.lacks.values(), *engine.notes.values()):
        assert text
        assert not text.endswith(".")


def test_no_cell_is_empty_and_each_no_has_a_footnote() -> None:
    lines = table.options_markdown().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    notes = [line for line in lines if re.match(r"\d+\. ", line)]
    assert [row[0] for row in rows] == [f"`{name}`" for name in (*SHARED, *JobField)]
    assert all(len(row) == len(ENGINE_NAMES) + 1 for row in rows)
    cells = [cell for row in rows for cell in row[1:]]
    assert all(re.fullmatch(r"yes( \(\d+\))?|no \(\d+\)", cell) for cell in cells)
    assert {int(number) for cell in cells for number in re.findall(r"\d+", cell)} == {*range(1, len(notes) + 1)}


def test_settings_of_one_engine_are_listed_with_it() -> None:
    assert "| docker, swarm | `DOCKER_HOST`, `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH` |" in table.own_markdown()
    assert "| kubernetes | `IMAGE_PULL_SECRETS`, " in table.own_markdown()


@pytest.mark.parametrize("engine", ENGINES.built_in, ids=lambda engine: engine.name)
def test_the_refusal_at_start_has_the_reason_of_the_table(engine: EngineDescription[Any]) -> None:
    given = {
        "CONTAINER_USER": "1:1",
        "SHM_SIZE": "64",
        "PFCON_PIDS_LIMIT": "9",
        "JOB_LABELS": "a=b",
        "NODE_SELECTOR": "a=b",
    }
    assert given.keys() == {*SHARED}
    found = faults(DEV | given | {"CONTAINER_ENV": engine.name})
    for option in {*SHARED} & {*engine.lacks}:
        line = next(fault for fault in found if fault.startswith(f"{option}: "))
        assert f"CONTAINER_ENV={engine.name} has no such option" in line
        assert engine.lacks[option] in line
