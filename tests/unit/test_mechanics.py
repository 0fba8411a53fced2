"""Mechanics of files and of waiting are written once: in ``pfcon.files`` and ``pfcon.polling``."""

import ast
from pathlib import Path

import pytest

import pfcon

ROOT = Path(pfcon.__file__).parent
# Attributes of the modules os, errno, fcntl and tempfile that stand for a mechanic, and who else may use them.
MECHANICS = {"ENOSPC", "EDQUOT", "flock", "lockf", "O_NOFOLLOW", "O_PATH", "statvfs", "mkstemp", "replace"}
EXCEPTIONS = {
    Path("compute/process/state_file.py"): {"ENOSPC", "O_NOFOLLOW"},  # standard library alone: it is what a job costs
    Path("compute/process/shm.py"): {"statvfs"},  # the same
    Path("reservation.py"): {"mkstemp"},  # a file of its own for each reservation
}
MODULES = [
    path
    for path in sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    if path.parts[0] not in ("files", "testing")
]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_mechanics_of_files_are_written_once(path: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="os" | "errno" | "fcntl" | "tempfile"), attr=name):
                found.add(name)
    assert found & MECHANICS == EXCEPTIONS.get(path, set())


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_loops_with_a_deadline_are_written_once(path: Path) -> None:
    """A function that adds to the time and sleeps, too, is what ``polls`` is for."""
    if path == Path("polling.py"):
        return
    for function in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(function, ast.FunctionDef):
            body = ast.unparse(function)
            assert "time.sleep(" not in body or "time.monotonic() +" not in body, f"{path}: {function.name}"
