"""docs/reasons-on-engines.md shows what the suite of reasons expects of Debian 12's engines, on any."""

import re
from pathlib import Path

from reasons.failures import FAILURES, Expected

PAGE = Path(__file__).parents[2] / "docs" / "reasons-on-engines.md"
ENGINES = ("docker", "htcondor", "kubernetes", "podman", "process", "slurm", "swarm")
BY_NAME = {failure.name: failure for failure in FAILURES}
ON_OTHER_MACHINES = {("podman", "out of memory"), ("podman", "out of memory in a child, exit code 0")}  # cgroups 2


def cells() -> dict[tuple[str, str], tuple[str, str, str]]:
    """Status, code and message of each engine and failure on the page."""
    found = {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| Failure", "| ---")):
            failure, code, message, engines = (cell.strip() for cell in line.strip("|").split(" | "))
            status = "notStarted" if failure.endswith(" (it waits)") else ""
            for engine in engines.split(", "):
                found[engine, failure.removesuffix(" (it waits)")] = (status, code.strip("`"), message)
    return found


def test_each_cell_is_what_the_suite_expects() -> None:
    for (engine, name), (status, code, message) in cells().items():
        expected = BY_NAME[name].on(engine, today=False)
        if (engine, name) not in ON_OTHER_MACHINES:
            assert isinstance(expected, Expected), (engine, name)
            assert (code, status or expected.status) == (expected.reason, expected.status), (engine, name)
            assert re.fullmatch(expected.sentence, message.replace("\\|", "|")), (engine, name, message)


def test_no_cell_is_missing() -> None:
    expected = {(e, f.name) for e in ENGINES for f in FAILURES if isinstance(f.on(e, today=False), Expected)}
    assert expected - cells().keys() - ON_OTHER_MACHINES == set()
