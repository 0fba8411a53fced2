"""``pfcon check``: what it says when all is well. Faults of components are tested with the components."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("harm", ["", "there already", "no directory", "a directory"])
def test_a_file_of_audit_lines_is_tried_and_not_made(tmp_path: Path, harm: str) -> None:
    audit = tmp_path / "audit" / "audit.log"
    if harm != "no directory":
        audit.parent.mkdir()
    if harm == "there already":
        audit.write_text("a line\n")
    if harm == "a directory":
        audit.mkdir()
    before = sorted(tmp_path.rglob("audit*"))
    lines: list[str] = []
    settings = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(tmp_path)}
    passed = run_checks(load({**settings, "PFCON_AUDIT_FILE": str(audit)}), lines.append)
    assert lines[-1].startswith("FAILED  audit: " if "directory" in harm else "ok      audit: lines are appended to ")
    assert str(audit.parent) in lines[-1]
    assert passed is ("directory" not in harm)
    assert sorted(tmp_path.rglob("audit*")) == before
