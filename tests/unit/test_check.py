"""``pfcon check``: what it says when all is well. Faults of components are tested with the components."""

from pathlib import Path

from pfcon.check import run_checks
from pfcon.configuration import load


def test_a_line_for_each_component_and_the_chosen_ones_with_their_titles(tmp_path: Path) -> None:
    lines: list[str] = []
    settings = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(tmp_path)}
    assert run_checks(load(settings), lines.append)
    assert [line.partition(":")[0] for line in lines] == [
        f"ok      {name}" for name in ("settings", "storeBase", "service", "records", "storage", "engine")
    ]
    assert lines[0] == (
        "ok      settings: development mode, engine process (processes of this machine, without isolation),"
        " storage zipfile (zips that clients send and fetch)"
    )
